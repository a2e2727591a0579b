#include "terminal.h"

#include "output.h"
#include "wide_win32.h"
#include "virtualdisk/platform.h"

#include <fcntl.h>
#include <io.h>
#include <windows.h>

static volatile LONG interrupted;
static HANDLE stdout_console; /* NULL: stdout is a file or a pipe */
static HANDLE stderr_console;

static HANDLE console_open(FILE *stream)
{
    HANDLE handle = (HANDLE)_get_osfhandle(_fileno(stream));
    DWORD mode;
    return GetConsoleMode(handle, &mode) ? handle : NULL;
}

void vdisk_terminal_init(void)
{
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    _setmode(_fileno(stderr), _O_BINARY);
    stdout_console = console_open(stdout);
    stderr_console = console_open(stderr);
}

static HANDLE console_of(FILE *stream)
{
    return stream == stdout ? stdout_console : stderr_console;
}

static bool console_write(HANDLE console, const char *text)
{
    WCHAR *wide = vdisk_wide_from_utf8(text);
    if (wide == NULL)
        return false;
    DWORD written;
    bool done = WriteConsoleW(console, wide, (DWORD)wcslen(wide), &written, NULL);
    vdisk_free(wide);
    return done;
}

bool vdisk_terminal_write(FILE *stream, const char *text)
{
    HANDLE console = console_of(stream);
    if (console == NULL)
        return fputs(text, stream) >= 0;
    fflush(stream);
    return console_write(console, text);
}

bool vdisk_terminal_is(FILE *stream)
{
    return console_of(stream) != NULL;
}

char *vdisk_terminal_error_text(uint32_t native_code)
{
    WCHAR wide[512];
    DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                                  native_code, 0, wide, sizeof(wide) / sizeof(wide[0]), NULL);
    while (length > 0 && (wide[length - 1] <= L' ' || wide[length - 1] == L'.'))
        length--;
    wide[length] = L'\0';
    char *words = length == 0 ? NULL : vdisk_utf8_from_wide(wide);
    char *text = words == NULL ? vdisk_text_format("error %" PRIu32, native_code)
                               : vdisk_text_format("error %" PRIu32 ": %s", native_code, words);
    vdisk_free(words);
    return text;
}

uint64_t vdisk_terminal_milliseconds(void)
{
    LARGE_INTEGER count, per_second;
    QueryPerformanceFrequency(&per_second);
    QueryPerformanceCounter(&count);
    return (uint64_t)(count.QuadPart / (per_second.QuadPart / 1000));
}

static BOOL WINAPI on_interrupt(DWORD event)
{
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        return FALSE;
    InterlockedExchange(&interrupted, 1);
    return TRUE;
}

void vdisk_terminal_catch_interrupt(void)
{
    SetConsoleCtrlHandler(on_interrupt, TRUE);
}

bool vdisk_terminal_interrupted(void)
{
    return interrupted != 0;
}
