/*
 * How a process enters a container that runs: it does everything while the container's processes cannot see it, and then
 * forks into their PID namespace. What they see has their rights and nothing of the host, so that it does not matter that
 * they may trace it (CVE-2016-9962; a process with CAP_SYS_PTRACE also traces one that is not dumpable).
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"
#include "exec.h"
#include "plan.h"
#include "tty.h"

int run_appear(struct context *ctx, const struct op_appear *op) {
  (void)op;
  int error = exec_seal(ctx);
  if (error != 0) return error;
  /* A child of this process's parent, which learns its number by the shared page. Not clone3: filters refuse that one. */
  long pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD, NULL, &ctx->report->pid, NULL, NULL);
  if (pid < 0) return errno;
  if (pid > 0) _exit(0);
  error = child_die_with_monitor();
  if (error == 0 && child_monitor_is_gone(ctx)) _exit(1);
  if (error != 0) return error;
  if (ctx->terminal_waits) return tty_start_session(STDIN_FILENO);
  return setsid() < 0 ? errno : 0;
}
