/* islet: executes isolation plans. See docs/architecture.md for the three processes and their ways to talk. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "init.h"
#include "launcher.h"
#include "runtime.h"
#include "unpack.h"

static int usage(void) {
  fputs("usage: islet launcher        serve plans on descriptor 3 (started by isled)\n"
        "       islet runtime STATUS_FD PRESERVED PLAN_FILE [wait|wait-alone]   execute one plan (started by isle-runtime)\n"
        "       islet unpack DIR      unpack a layer from standard input into DIR\n",
        stderr);
  return 2;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[0], INIT_NAME) == 0) return init_main(argv + 1);
  if (argc < 2) return usage();
  prctl(PR_SET_NAME, "islet");
  if (strcmp(argv[1], "launcher") == 0) return launcher_main(argc, argv);
  if (strcmp(argv[1], "runtime") == 0) return runtime_main(argc, argv);
  if (strcmp(argv[1], "unpack") == 0) return unpack_main(argc - 1, argv + 1);
  return usage();
}
