/*
 * WDFTIMER and WDFDPC. Wine's timers call no DPC: one thread of the runtime calls what is due, at
 * the tracked DISPATCH_LEVEL; timers of passive level are called there at PASSIVE_LEVEL.
 */
#include "fx.h"

#define NEVER 0x7FFFFFFFFFFFFFFFull

/* A timer, or a DPC: due at once when it is enqueued. */
typedef struct _FX_TIMER {
    FX_OBJECT Object;
    FX_OBJECT *ParentObject;
    PFN_WDF_TIMER TimerCallback;
    PFN_WDF_DPC DpcCallback;
    FX_PRESENTATION_LOCK *Presentation; /* NULL: not serialized */
    BOOLEAN Passive;
    ULONG PeriodMs;
    KDPC Dpc; /* what WdfDpcWdmGetDpc hands out */
    /* protected by TimerLock */
    LIST_ENTRY Link;
    ULONGLONG Due; /* interrupt time; NEVER: not started */
    BOOLEAN Running;
} FX_TIMER;

static FX_LOCK TimerLock;
static LIST_ENTRY Timers = {&Timers, &Timers}; /* FX_TIMER.Link, protected by TimerLock */
static KEVENT Changed;
static volatile LONG ThreadState; /* 0: none, 1: starting, 2: runs */
static volatile LONG ShuttingDown;
static PVOID ThreadObject;
static FX_TIMER *Current; /* protected by TimerLock */
static volatile HANDLE CurrentThread;

static FX_TIMER *Earliest(VOID)
{
    FX_TIMER *Found = NULL;
    LIST_ENTRY *Entry;

    for (Entry = Timers.Flink; Entry != &Timers; Entry = Entry->Flink) {
        FX_TIMER *Timer = CONTAINING_RECORD(Entry, FX_TIMER, Link);
        if (Timer->Due != NEVER && (Found == NULL || Timer->Due < Found->Due)) {
            Found = Timer;
        }
    }
    return Found;
}

static VOID Call(FX_TIMER *Timer)
{
    const FX_DRIVER *Driver = Timer->Object.Driver;

    if (!Timer->Passive) {
        FxIrqlRaise();
    }
    FxPresentationAcquire(Timer->Presentation);
    if (Timer->DpcCallback != NULL) {
        FX_CALLBACK(Driver, "EvtDpcFunc", Timer->DpcCallback(FxHandle(Timer)));
    } else {
        FX_CALLBACK(Driver, "EvtTimerFunc", Timer->TimerCallback(FxHandle(Timer)));
    }
    FxPresentationRelease(Timer->Presentation);
    if (!Timer->Passive) {
        FxIrqlLower();
    }
}

/* Calls what is due. Returns when the next one is. */
static ULONGLONG RunDue(VOID)
{
    for (;;) {
        ULONGLONG Now = KeQueryInterruptTime();
        FX_TIMER *Timer;

        FxLockAcquire(&TimerLock);
        Timer = Earliest();
        if (Timer == NULL || Timer->Due > Now) {
            ULONGLONG Next = Timer == NULL ? NEVER : Timer->Due;
            FxLockRelease(&TimerLock);
            return Next;
        }
        Timer->Due = Timer->PeriodMs == 0 ? NEVER : Now + Timer->PeriodMs * WDF_TIMEOUT_TO_MS;
        Timer->Running = TRUE;
        Current = Timer;
        FxLockRelease(&TimerLock);
        Call(Timer);
        FxLockAcquire(&TimerLock);
        Current = NULL;
        Timer->Running = FALSE;
        FxLockRelease(&TimerLock);
    }
}

static VOID NTAPI TimerThread(PVOID Context)
{
    (void)Context;
    CurrentThread = FxThread();
    while (!ShuttingDown) {
        ULONGLONG Next = RunDue();
        LARGE_INTEGER Timeout;
        Timeout.QuadPart = -(LONGLONG)(Next - KeQueryInterruptTime());
        if (Timeout.QuadPart >= 0) {
            continue;
        }
        KeWaitForSingleObject(&Changed, Executive, KernelMode, FALSE,
                              Next == NEVER ? NULL : &Timeout);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS EnsureThread(VOID)
{
    HANDLE Handle;
    NTSTATUS Status;

    if (InterlockedCompareExchange(&ThreadState, 1, 0) != 0) {
        return STATUS_SUCCESS;
    }
    KeInitializeEvent(&Changed, SynchronizationEvent, FALSE);
    Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, TimerThread, NULL);
    if (!NT_SUCCESS(Status)) {
        ThreadState = 0;
        return Status;
    }
    ThreadObject = Handle;
    ThreadState = 2;
    return STATUS_SUCCESS;
}

VOID FxTimerShutdown(VOID)
{
    if (ThreadState != 2) {
        return;
    }
    ShuttingDown = TRUE;
    KeSetEvent(&Changed, IO_NO_INCREMENT, FALSE);
    ZwWaitForSingleObject(ThreadObject, FALSE, NULL);
    ZwClose(ThreadObject);
    ThreadState = 0;
    ShuttingDown = FALSE;
}

/* ---- what timers and DPCs share ---- */

static NTSTATUS Create(PWDF_DRIVER_GLOBALS Globals, FX_TYPE Type, BOOLEAN Serialized,
                       PWDF_OBJECT_ATTRIBUTES Attributes, FX_TIMER **Result)
{
    FX_TIMER *Timer;
    FX_OBJECT *Parent;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Attributes == NULL || Attributes->ParentObject == NULL) {
        return STATUS_WDF_PARENT_NOT_SPECIFIED;
    }
    Status = EnsureThread();
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Parent = FxAnyFromHandle(Globals, Attributes->ParentObject, "...Create");
    Status = FxObjectCreate(FxDriver(Globals), Type, sizeof(*Timer), Attributes, NULL, &Timer);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Timer->ParentObject = Parent;
    Timer->Due = NEVER;
    Timer->Passive = Attributes->ExecutionLevel == WdfExecutionLevelPassive;
    Timer->Presentation = Serialized ? FxPresentationOf(Parent) : NULL;
    FxLockAcquire(&TimerLock);
    InsertTailList(&Timers, &Timer->Link);
    FxLockRelease(&TimerLock);
    *Result = Timer;
    return STATUS_SUCCESS;
}

/* TRUE: it was started already. */
static BOOLEAN StartAt(FX_TIMER *Timer, ULONGLONG Due)
{
    BOOLEAN Was;

    FxLockAcquire(&TimerLock);
    Was = Timer->Due != NEVER;
    Timer->Due = Due;
    FxLockRelease(&TimerLock);
    KeSetEvent(&Changed, IO_NO_INCREMENT, FALSE);
    return Was;
}

static BOOLEAN Cancel(FX_TIMER *Timer, BOOLEAN Wait)
{
    LARGE_INTEGER Time = {.QuadPart = WDF_REL_TIMEOUT_IN_MS(1)};
    BOOLEAN Was;

    FxLockAcquire(&TimerLock);
    Was = Timer->Due != NEVER;
    Timer->Due = NEVER;
    FxLockRelease(&TimerLock);
    while (Wait && Timer->Running && CurrentThread != FxThread()) {
        KeDelayExecutionThread(KernelMode, FALSE, &Time);
    }
    return Was;
}

VOID FxTimerDispose(FX_OBJECT *Object)
{
    FX_TIMER *Timer = (FX_TIMER *)Object;

    Cancel(Timer, TRUE);
    FxLockAcquire(&TimerLock);
    RemoveEntryList(&Timer->Link);
    FxLockRelease(&TimerLock);
}

VOID FxDpcDispose(FX_OBJECT *Object)
{
    FxTimerDispose(Object);
}

/* ---- WDFTIMER ---- */

static NTSTATUS NTAPI TimerCreate(PWDF_DRIVER_GLOBALS Globals, PWDF_TIMER_CONFIG Config,
                                  PWDF_OBJECT_ATTRIBUTES Attributes, WDFTIMER *Handle)
{
    FX_TIMER *Timer;
    NTSTATUS Status;

    *Handle = NULL;
    if (Config->Size != sizeof(*Config)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Status = Create(Globals, FxTypeTimer, Config->AutomaticSerialization, Attributes, &Timer);
    if (NT_SUCCESS(Status)) {
        Timer->TimerCallback = Config->EvtTimerFunc;
        Timer->PeriodMs = Config->Period;
        *Handle = FxHandle(Timer);
    }
    return Status;
}

static BOOLEAN NTAPI TimerStart(PWDF_DRIVER_GLOBALS Globals, WDFTIMER Handle, LONGLONG DueTime)
{
    FX_TIMER *Timer = FxFromHandle(Globals, Handle, FxTypeTimer, __func__);
    ULONGLONG Now = KeQueryInterruptTime();
    LARGE_INTEGER SystemTime;

    if (DueTime > 0) {
        KeQuerySystemTime(&SystemTime);
        DueTime = DueTime > SystemTime.QuadPart ? SystemTime.QuadPart - DueTime : 0;
    }
    return StartAt(Timer, Now + (ULONGLONG)-DueTime);
}

static BOOLEAN NTAPI TimerStop(PWDF_DRIVER_GLOBALS Globals, WDFTIMER Handle, BOOLEAN Wait)
{
    FX_TIMER *Timer = FxFromHandle(Globals, Handle, FxTypeTimer, __func__);

    if (Wait) {
        FxRequirePassive(FxDriver(Globals), __func__);
        if (CurrentThread == FxThread() && Timer->Running) {
            FxStop(FxDriver(Globals), "deadlock: WdfTimerStop waits for its own callback");
        }
    }
    return Cancel(Timer, Wait);
}

static WDFOBJECT NTAPI TimerGetParentObject(PWDF_DRIVER_GLOBALS Globals, WDFTIMER Handle)
{
    FX_TIMER *Timer = FxFromHandle(Globals, Handle, FxTypeTimer, __func__);

    return FxHandle(Timer->ParentObject);
}

/* ---- WDFDPC ---- */

static NTSTATUS NTAPI DpcCreate(PWDF_DRIVER_GLOBALS Globals, PWDF_DPC_CONFIG Config,
                                PWDF_OBJECT_ATTRIBUTES Attributes, WDFDPC *Handle)
{
    FX_TIMER *Timer;
    NTSTATUS Status;

    *Handle = NULL;
    if (Config->Size != sizeof(*Config)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Status = Create(Globals, FxTypeDpc, Config->AutomaticSerialization, Attributes, &Timer);
    if (NT_SUCCESS(Status)) {
        Timer->Passive = FALSE;
        Timer->DpcCallback = Config->EvtDpcFunc;
        *Handle = FxHandle(Timer);
    }
    return Status;
}

static BOOLEAN NTAPI DpcEnqueue(PWDF_DRIVER_GLOBALS Globals, WDFDPC Handle)
{
    FX_TIMER *Timer = FxFromHandle(Globals, Handle, FxTypeDpc, __func__);

    return !StartAt(Timer, 0);
}

static BOOLEAN NTAPI DpcCancel(PWDF_DRIVER_GLOBALS Globals, WDFDPC Handle, BOOLEAN Wait)
{
    FX_TIMER *Timer = FxFromHandle(Globals, Handle, FxTypeDpc, __func__);

    if (Wait) {
        FxRequirePassive(FxDriver(Globals), __func__);
    }
    return Cancel(Timer, Wait);
}

static WDFOBJECT NTAPI DpcGetParentObject(PWDF_DRIVER_GLOBALS Globals, WDFDPC Handle)
{
    FX_TIMER *Timer = FxFromHandle(Globals, Handle, FxTypeDpc, __func__);

    return FxHandle(Timer->ParentObject);
}

static PKDPC NTAPI DpcWdmGetDpc(PWDF_DRIVER_GLOBALS Globals, WDFDPC Handle)
{
    FX_TIMER *Timer = FxFromHandle(Globals, Handle, FxTypeDpc, __func__);

    return &Timer->Dpc;
}

const FX_ENTRY FxTimerEntries[] = {
    FX_ENTRY_OF(WdfTimerCreate, TimerCreate),
    FX_ENTRY_OF(WdfTimerStart, TimerStart),
    FX_ENTRY_OF(WdfTimerStop, TimerStop),
    FX_ENTRY_OF(WdfTimerGetParentObject, TimerGetParentObject),
    FX_ENTRY_OF(WdfDpcCreate, DpcCreate),
    FX_ENTRY_OF(WdfDpcEnqueue, DpcEnqueue),
    FX_ENTRY_OF(WdfDpcCancel, DpcCancel),
    FX_ENTRY_OF(WdfDpcGetParentObject, DpcGetParentObject),
    FX_ENTRY_OF(WdfDpcWdmGetDpc, DpcWdmGetDpc),
    FX_ENTRIES_END,
};
