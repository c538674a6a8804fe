/* Programs that are run and waited for. */
#pragma once

/* Runs the program of an absolute path: a PATH may begin with a directory that a guest can write. Its
 * standard output is `output`, or ours if that is negative. Its exit status, 255 for a signal; negative
 * errno if it could not be run. */
int run_program(const char *const argv[], int output);

/* The same with `input` as its standard input. */
int run_program_input(const char *const argv[], int input);

/* The same with `output` as its standard output. */
int run_program_between(const char *const argv[], int input, int output);

/* The same with standard output and error thrown away. */
int run_program_quietly(const char *const argv[]);

/* Like run_program(), and what it printed, ended with NUL and owned; -ENOMEM if that is too much to keep. */
int run_program_read(const char *const argv[], char **ret);

/* The same with its standard error thrown away. */
int run_program_read_quietly(const char *const argv[], char **ret);

/* One end of a pipe between two programs. */
typedef struct PipeEnd {
        const char *const *argv;
        int directory; /* to run in, a descriptor; -1: ours */
        /* Called there in the child, before the program, or NULL. 0, negative errno. */
        int (*prepare)(int directory);
        int errors;   /* its standard error, a descriptor above 2; 0: ours */
        int harmless; /* an exit status that counts as 0; 0: none */
} PipeEnd;

/* Runs two programs, the output of the first being the input of the second. The exit status of the first
 * that failed, else of the second; negative errno. */
int run_program_pipe(const PipeEnd *first, const PipeEnd *second);

/* Sends a signal to both while they run. For a signal handler. */
void run_program_pipe_kill(int sig);

/* Like run_program_read(), with its standard error kept and its output thrown away. */
int run_program_read_errors(const char *const argv[], char **ret);
