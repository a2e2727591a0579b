/*
 * Keeps a Wine session alive: Wine ends its services, and the drivers in them, with the last
 * ordinary program. Without arguments it waits; with the argument "end" it makes the one that waits
 * exit.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define EVENT_NAME L"VirtualDiskSessionEnd"

int main(int argc, char **argv)
{
    BOOL end = argc > 1 && strcmp(argv[1], "end") == 0;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, EVENT_NAME);

    if (event == NULL) {
        fprintf(stderr, "session_keeper: no event: error %lu\n", GetLastError());
        return 1;
    }
    if (end) {
        return SetEvent(event) ? 0 : 1;
    }
    puts("ready");
    fflush(stdout);
    WaitForSingleObject(event, INFINITE);
    return 0;
}
