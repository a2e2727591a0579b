/*
 * Locks: the framework's own, the presentation locks that serialize callbacks, and the spin and
 * wait locks of the driver. Wine has no IRQL: raising is only counted (verifier.c).
 */
#include "fx.h"

#define SPINS_BEFORE_YIELD 64

VOID FxLockAcquire(FX_LOCK *Lock)
{
    ULONG Spins = 0;

    while (InterlockedCompareExchange(&Lock->Held, 1, 0) != 0) {
        /* The holder may have lost its processor: Wine threads are preempted at any point. */
        if (++Spins % SPINS_BEFORE_YIELD == 0) {
            ZwYieldExecution();
        } else {
            YieldProcessor();
        }
    }
}

VOID FxLockRelease(FX_LOCK *Lock)
{
    InterlockedExchange(&Lock->Held, 0);
}

VOID FxPresentationInitialize(FX_PRESENTATION_LOCK *Lock, BOOLEAN Raises)
{
    RtlZeroMemory(Lock, sizeof(*Lock));
    KeInitializeEvent(&Lock->Free, SynchronizationEvent, FALSE);
    Lock->Raises = Raises;
}

VOID FxPresentationAcquire(FX_PRESENTATION_LOCK *Lock)
{
    if (Lock == NULL) {
        return;
    }
    if (Lock->Owner != FxThread()) {
        if (InterlockedIncrement(&Lock->Waiters) != 1) {
            KeWaitForSingleObject(&Lock->Free, Executive, KernelMode, FALSE, NULL);
        }
        Lock->Owner = FxThread();
    }
    Lock->Depth++;
    if (Lock->Raises) {
        FxIrqlRaise();
    }
}

VOID FxPresentationRelease(FX_PRESENTATION_LOCK *Lock)
{
    if (Lock == NULL) {
        return;
    }
    if (Lock->Raises) {
        FxIrqlLower();
    }
    if (--Lock->Depth > 0) {
        return;
    }
    Lock->Owner = NULL;
    if (InterlockedDecrement(&Lock->Waiters) != 0) {
        KeSetEvent(&Lock->Free, IO_NO_INCREMENT, FALSE);
    }
}

FX_PRESENTATION_LOCK *FxPresentationOf(FX_OBJECT *Parent)
{
    for (; Parent != NULL; Parent = Parent->Parent) {
        if (Parent->Type == FxTypeQueue) {
            return ((FX_QUEUE *)Parent)->Presentation;
        }
        if (Parent->Type == FxTypeDevice) {
            return Parent->SynchronizationScope == WdfSynchronizationScopeDevice
                       ? &((FX_DEVICE *)Parent)->Presentation
                       : NULL;
        }
    }
    return NULL;
}

/* ---- WDFSPINLOCK ---- */

typedef struct _FX_SPIN_LOCK {
    FX_OBJECT Object;
    FX_LOCK Lock;
    volatile HANDLE Owner;
} FX_SPIN_LOCK;

static NTSTATUS NTAPI SpinLockCreate(PWDF_DRIVER_GLOBALS Globals, PWDF_OBJECT_ATTRIBUTES Attributes,
                                     WDFSPINLOCK *SpinLock)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_SPIN_LOCK *Lock;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);

    *SpinLock = NULL;
    if (NT_SUCCESS(Status)) {
        Status = FxObjectCreate(Driver, FxTypeSpinLock, sizeof(*Lock), Attributes,
                                &Driver->Object->Object, &Lock);
    }
    if (NT_SUCCESS(Status)) {
        *SpinLock = FxHandle(Lock);
    }
    return Status;
}

static VOID NTAPI SpinLockAcquire(PWDF_DRIVER_GLOBALS Globals, WDFSPINLOCK SpinLock)
{
    FX_SPIN_LOCK *Lock = FxFromHandle(Globals, SpinLock, FxTypeSpinLock, __func__);

    if (Lock->Owner == FxThread()) {
        FxStop(FxDriver(Globals), "deadlock: WDFSPINLOCK %p is acquired twice by one thread",
               SpinLock);
    }
    FxIrqlRaise();
    FxLockAcquire(&Lock->Lock);
    Lock->Owner = FxThread();
}

static VOID NTAPI SpinLockRelease(PWDF_DRIVER_GLOBALS Globals, WDFSPINLOCK SpinLock)
{
    FX_SPIN_LOCK *Lock = FxFromHandle(Globals, SpinLock, FxTypeSpinLock, __func__);

    if (Lock->Owner != FxThread()) {
        FxStop(FxDriver(Globals), "lock not held: WDFSPINLOCK %p is released by another thread",
               SpinLock);
    }
    Lock->Owner = NULL;
    FxLockRelease(&Lock->Lock);
    FxIrqlLower();
}

/* ---- WDFWAITLOCK ---- */

typedef struct _FX_WAIT_LOCK {
    FX_OBJECT Object;
    KEVENT Free; /* a synchronization event: signalled while nobody holds the lock */
    volatile HANDLE Owner;
} FX_WAIT_LOCK;

static NTSTATUS NTAPI WaitLockCreate(PWDF_DRIVER_GLOBALS Globals, PWDF_OBJECT_ATTRIBUTES Attributes,
                                     WDFWAITLOCK *WaitLock)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_WAIT_LOCK *Lock;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);

    *WaitLock = NULL;
    if (NT_SUCCESS(Status)) {
        Status = FxObjectCreate(Driver, FxTypeWaitLock, sizeof(*Lock), Attributes,
                                &Driver->Object->Object, &Lock);
    }
    if (NT_SUCCESS(Status)) {
        KeInitializeEvent(&Lock->Free, SynchronizationEvent, TRUE);
        *WaitLock = FxHandle(Lock);
    }
    return Status;
}

static NTSTATUS NTAPI WaitLockAcquire(PWDF_DRIVER_GLOBALS Globals, WDFWAITLOCK WaitLock,
                                      PLONGLONG Timeout)
{
    FX_WAIT_LOCK *Lock = FxFromHandle(Globals, WaitLock, FxTypeWaitLock, __func__);
    LARGE_INTEGER Due;
    NTSTATUS Status;

    if (Timeout == NULL || *Timeout != 0) {
        FxRequirePassive(FxDriver(Globals), __func__);
    }
    if (Lock->Owner == FxThread()) {
        FxStop(FxDriver(Globals), "deadlock: WDFWAITLOCK %p is acquired twice by one thread",
               WaitLock);
    }
    Due.QuadPart = Timeout == NULL ? 0 : *Timeout;
    Status = KeWaitForSingleObject(&Lock->Free, Executive, KernelMode, FALSE,
                                   Timeout == NULL ? NULL : &Due);
    if (Status == STATUS_SUCCESS) {
        Lock->Owner = FxThread();
    }
    return Status;
}

static VOID NTAPI WaitLockRelease(PWDF_DRIVER_GLOBALS Globals, WDFWAITLOCK WaitLock)
{
    FX_WAIT_LOCK *Lock = FxFromHandle(Globals, WaitLock, FxTypeWaitLock, __func__);

    if (Lock->Owner != FxThread()) {
        FxStop(FxDriver(Globals), "lock not held: WDFWAITLOCK %p is released by another thread",
               WaitLock);
    }
    Lock->Owner = NULL;
    KeSetEvent(&Lock->Free, IO_NO_INCREMENT, FALSE);
}

/* ---- the presentation lock of a device or a queue ---- */

static FX_PRESENTATION_LOCK *ObjectLock(PWDF_DRIVER_GLOBALS Globals, WDFOBJECT Handle)
{
    FX_OBJECT *Object = FxAnyFromHandle(Globals, Handle, "ObjectAcquireLock");

    if (Object->Type == FxTypeDevice) {
        return &((FX_DEVICE *)Object)->Presentation;
    }
    if (Object->Type == FxTypeQueue) {
        FX_QUEUE *Queue = (FX_QUEUE *)Object;
        return Queue->Presentation != NULL ? Queue->Presentation : &Queue->OwnPresentation;
    }
    FxStop(FxDriver(Globals), "wrong object: %s %p has no lock", FxTypeInfo[Object->Type].Name,
           Handle);
}

static VOID NTAPI ObjectAcquireLock(PWDF_DRIVER_GLOBALS Globals, WDFOBJECT Object)
{
    FxPresentationAcquire(ObjectLock(Globals, Object));
}

static VOID NTAPI ObjectReleaseLock(PWDF_DRIVER_GLOBALS Globals, WDFOBJECT Object)
{
    FX_PRESENTATION_LOCK *Lock = ObjectLock(Globals, Object);

    if (Lock->Owner != FxThread()) {
        FxStop(FxDriver(Globals), "lock not held: the lock of %p is released by another thread",
               Object);
    }
    FxPresentationRelease(Lock);
}

const FX_ENTRY FxLockEntries[] = {
    FX_ENTRY_OF(WdfSpinLockCreate, SpinLockCreate),
    FX_ENTRY_OF(WdfSpinLockAcquire, SpinLockAcquire),
    FX_ENTRY_OF(WdfSpinLockRelease, SpinLockRelease),
    FX_ENTRY_OF(WdfWaitLockCreate, WaitLockCreate),
    FX_ENTRY_OF(WdfWaitLockAcquire, WaitLockAcquire),
    FX_ENTRY_OF(WdfWaitLockRelease, WaitLockRelease),
    FX_ENTRY_OF(WdfObjectAcquireLock, ObjectAcquireLock),
    FX_ENTRY_OF(WdfObjectReleaseLock, ObjectReleaseLock),
    FX_ENTRIES_END,
};
