/*
 * Locks. WdfObjectAcquireLock takes the presentation lock of a device or a queue.
 *
 * A wait lock is for PASSIVE_LEVEL (a timeout of 0: up to DISPATCH_LEVEL); a spin lock raises to
 * DISPATCH_LEVEL. Timeouts are in 100 ns units, negative ones relative.
 */
#ifndef KMDF_WDFSYNC_H
#define KMDF_WDFSYNC_H

WDF_FUNCTION(VOID, WdfObjectAcquireLock, (WDFOBJECT Object), (Object))
WDF_FUNCTION(VOID, WdfObjectReleaseLock, (WDFOBJECT Object), (Object))

WDF_FUNCTION(NTSTATUS, WdfWaitLockCreate,
             (PWDF_OBJECT_ATTRIBUTES LockAttributes, WDFWAITLOCK *Lock), (LockAttributes, Lock))
WDF_FUNCTION(NTSTATUS, WdfWaitLockAcquire, (WDFWAITLOCK Lock, PLONGLONG Timeout), (Lock, Timeout))
WDF_FUNCTION(VOID, WdfWaitLockRelease, (WDFWAITLOCK Lock), (Lock))

WDF_FUNCTION(NTSTATUS, WdfSpinLockCreate,
             (PWDF_OBJECT_ATTRIBUTES SpinLockAttributes, WDFSPINLOCK *SpinLock),
             (SpinLockAttributes, SpinLock))
WDF_FUNCTION(VOID, WdfSpinLockAcquire, (WDFSPINLOCK SpinLock), (SpinLock))
WDF_FUNCTION(VOID, WdfSpinLockRelease, (WDFSPINLOCK SpinLock), (SpinLock))

#endif
