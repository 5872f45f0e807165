/* The device rules of cgroup v2: a program that the kernel asks at each open and mknod. Its instructions come with the plan. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"

/* What the verifier says of a program that it refuses. */
#define LOG_SIZE 4096

static int bpf(enum bpf_cmd command, union bpf_attr *attr) { return (int)syscall(SYS_bpf, command, attr, sizeof(*attr)); }

static int load(const struct plan_bytes *program, char *log, uint32_t log_size) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof(attr));
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = (uint64_t)(uintptr_t)program->data;
  attr.insn_cnt = program->length / sizeof(struct bpf_insn);
  attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
  if (log) {
    attr.log_buf = (uint64_t)(uintptr_t)log;
    attr.log_size = log_size;
    attr.log_level = 1;
  }
  return bpf(BPF_PROG_LOAD, &attr);
}

/* The log is asked for only after a failure: a log that is too small for it would fail a program that is fine. */
static int load_or_explain(struct context *ctx, const struct plan_bytes *program, int *fd) {
  static char log[LOG_SIZE];
  *fd = load(program, NULL, 0);
  if (*fd >= 0) return 0;
  int error = errno;
  *fd = load(program, log, sizeof(log));
  if (*fd >= 0) return 0;
  return fail(ctx, error, "the kernel refuses the device program: %.900s", log[0] ? log : "without a reason");
}

/* The cgroup holds the program from here on: it lives as long as the directory. */
int run_cgroup_devices(struct context *ctx, const struct op_cgroup_devices *op) {
  int program;
  int error = load_or_explain(ctx, &op->program, &program);
  if (error != 0) return error;
  int directory = open(op->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  union bpf_attr attr;
  memset(&attr, 0, sizeof(attr));
  attr.target_fd = (uint32_t)directory;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  /* A program of a cgroup below, made from inside the container, may deny more but never allow more. */
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (directory < 0 || bpf(BPF_PROG_ATTACH, &attr) < 0) error = errno;
  if (directory >= 0) close(directory);
  close(program);
  return error;
}
