#include "config.h"
#include "helper/claude-run/claude-run.h"

int main(int argc, char **argv) {
        RunOptions options = {
                .generator = GENERATOR_PATH,
                .helper = HELPER_PATH,
                .ssh = SSH_PATH,
                .tar = TAR_PATH,
                .systemctl = SYSTEMCTL_PATH,
                .journalctl = JOURNALCTL_PATH,
                .git = GIT_PATH,
                .diff = DIFF_PATH,
        };

        return claude_run(&options, argc, argv);
}
