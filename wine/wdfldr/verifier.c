/*
 * What the runtime says: one line per event in C:\windows\wdfldr.log, and to the debugger. A
 * broken rule ends the host process, as a bug check ends Windows: nothing runs on after it.
 */
#include <stdarg.h>

#include "fx.h"

#define LINE_CHARS 400
#define STOP_CODE  0x10D /* WDF_VIOLATION */

int __cdecl _vsnprintf(char *Buffer, size_t Count, const char *Format, va_list Arguments);

static const char NoName[] = "?";

static VOID WriteLine(const char *Line, ULONG Length)
{
    UNICODE_STRING Path = FX_UNICODE(L"\\??\\C:\\windows\\wdfldr.log");
    OBJECT_ATTRIBUTES Attributes;
    IO_STATUS_BLOCK IoStatus;
    HANDLE File;

    InitializeObjectAttributes(&Attributes, &Path, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    if (!NT_SUCCESS(
            ZwCreateFile(&File, FILE_APPEND_DATA | SYNCHRONIZE, &Attributes, &IoStatus, NULL,
                         FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN_IF,
                         FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE, NULL, 0))) {
        return;
    }
    ZwWriteFile(File, NULL, NULL, NULL, &IoStatus, (PVOID)Line, Length, NULL, NULL);
    ZwClose(File);
}

static VOID LogLine(const FX_DRIVER *Driver, const char *Prefix, const char *Format,
                    va_list Arguments)
{
    char *Line = FxAllocate(LINE_CHARS);
    const char *Name = Driver == NULL ? NoName : Driver->Public.DriverName;
    ULONG Length;

    if (Line == NULL) {
        return;
    }
    /* One byte each stays for the line's end and the NUL. */
    _snprintf(Line, LINE_CHARS - 2, "wdfldr: %s%s: ", Prefix, Name);
    Length = (ULONG)strlen(Line);
    _vsnprintf(Line + Length, LINE_CHARS - 2 - Length, Format, Arguments);
    Length = (ULONG)strlen(Line);
    Line[Length++] = '\n';
    WriteLine(Line, Length);
    DbgPrint("%s", Line);
    FxFree(Line);
}

VOID FxLog(const FX_DRIVER *Driver, const char *Format, ...)
{
    va_list Arguments;

    va_start(Arguments, Format);
    LogLine(Driver, "", Format, Arguments);
    va_end(Arguments);
}

VOID FxStop(const FX_DRIVER *Driver, const char *Format, ...)
{
    static volatile LONG Stopping;
    va_list Arguments;

    /* One clear line: what other threads run into meanwhile is a consequence. */
    if (InterlockedExchange(&Stopping, 1) == 0) {
        va_start(Arguments, Format);
        LogLine(Driver, "STOP ", Format, Arguments);
        va_end(Arguments);
        ZwTerminateProcess(ZwCurrentProcess(), STOP_CODE);
    }
    for (;;) {
        LARGE_INTEGER Second = {.QuadPart = WDF_REL_TIMEOUT_IN_SEC(1)};
        KeDelayExecutionThread(KernelMode, FALSE, &Second);
    }
}

/* ---- the tracked IRQL: the threads that are raised, and how often ---- */

#define RAISED_THREADS 64

static struct {
    volatile HANDLE Thread;
    ULONG Depth;
} Raised[RAISED_THREADS];
static volatile LONG RaisedCount;

static ULONG *FindDepth(BOOLEAN Claim)
{
    HANDLE Self = FxThread();
    ULONG i;

    for (i = 0; i < RAISED_THREADS; i++) {
        if (Raised[i].Thread == Self) {
            return &Raised[i].Depth;
        }
    }
    if (!Claim) {
        return NULL;
    }
    for (i = 0; i < RAISED_THREADS; i++) {
        if (InterlockedCompareExchangePointer((PVOID *)&Raised[i].Thread, Self, NULL) == NULL) {
            InterlockedIncrement(&RaisedCount);
            Raised[i].Depth = 0;
            return &Raised[i].Depth;
        }
    }
    FxStop(NULL, "more than %d threads are at DISPATCH_LEVEL", RAISED_THREADS);
}

VOID FxIrqlRaise(VOID)
{
    ++*FindDepth(TRUE);
}

VOID FxIrqlLower(VOID)
{
    ULONG *Depth = FindDepth(FALSE);
    ULONG i;

    if (Depth == NULL || --*Depth > 0) {
        return;
    }
    for (i = 0; i < RAISED_THREADS; i++) {
        if (&Raised[i].Depth == Depth) {
            InterlockedDecrement(&RaisedCount);
            InterlockedExchangePointer((PVOID *)&Raised[i].Thread, NULL);
        }
    }
}

ULONG FxIrqlDepth(VOID)
{
    ULONG *Depth;

    if (RaisedCount == 0) {
        return 0;
    }
    Depth = FindDepth(FALSE);
    return Depth == NULL ? 0 : *Depth;
}

VOID FxRequirePassive(const FX_DRIVER *Driver, const char *Function)
{
    if (FxIrqlDepth() > 0) {
        FxStop(Driver, "wrong IRQL: Wdf%s needs PASSIVE_LEVEL and is called at DISPATCH_LEVEL",
               Function);
    }
}

VOID FxCheckReturn(const FX_DRIVER *Driver, const char *Callback, ULONG DepthBefore)
{
    ULONG Depth = FxIrqlDepth();

    if (Depth > DepthBefore) {
        FxStop(Driver, "wrong IRQL: %s returned with a spin lock held", Callback);
    }
    if (Depth < DepthBefore) {
        FxStop(Driver, "wrong IRQL: %s returned below the IRQL that it was called at", Callback);
    }
}

/* ---- the driver's own words ---- */

static VOID NTAPI VerifierDbgBreakPoint(PWDF_DRIVER_GLOBALS Globals)
{
    FxLog(FxDriver(Globals), "break point (nothing waits for it here)");
}

static VOID NTAPI VerifierKeBugCheck(PWDF_DRIVER_GLOBALS Globals, ULONG Code, ULONG_PTR P1,
                                     ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4)
{
    FxStop(FxDriver(Globals), "bug check by the driver: 0x%lx (0x%p, 0x%p, 0x%p, 0x%p)", Code,
           (PVOID)P1, (PVOID)P2, (PVOID)P3, (PVOID)P4);
}

const FX_ENTRY FxVerifierEntries[] = {
    FX_ENTRY_OF(WdfVerifierDbgBreakPoint, VerifierDbgBreakPoint),
    FX_ENTRY_OF(WdfVerifierKeBugCheck, VerifierKeBugCheck),
    FX_ENTRIES_END,
};
