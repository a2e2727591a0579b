#include "terminal.h"

#include "output.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

void vdisk_terminal_init(void)
{
}

bool vdisk_terminal_write(FILE *stream, const char *text)
{
    return fputs(text, stream) >= 0;
}

bool vdisk_terminal_is(FILE *stream)
{
    return isatty(fileno(stream)) == 1;
}

char *vdisk_terminal_error_text(uint32_t native_code)
{
    return vdisk_text_format("%s", strerror((int)native_code));
}

uint64_t vdisk_terminal_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

void vdisk_terminal_catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

bool vdisk_terminal_interrupted(void)
{
    return interrupted != 0;
}
