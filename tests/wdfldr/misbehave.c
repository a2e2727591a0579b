/* Every rule of the runtime, broken once. */
#include "test_driver.h"

static EVT_WDF_REQUEST_CANCEL EvtIgnore;

static VOID EvtIgnore(WDFREQUEST Request)
{
    (void)Request;
}

static WDFMEMORY CreateMemory(WDFDEVICE Parent)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Memory = NULL;

    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Parent;
    (void)WdfMemoryCreate(&Attributes, NonPagedPoolNx, TEST_TAG, 16, &Memory, NULL);
    return Memory;
}

static WDFSPINLOCK AcquiredLock(VOID)
{
    WDFSPINLOCK Lock = NULL;

    (void)WdfSpinLockCreate(NULL, &Lock);
    WdfSpinLockAcquire(Lock);
    return Lock;
}

static WDFWAITLOCK FreeWaitLock(VOID)
{
    WDFWAITLOCK Lock = NULL;

    (void)WdfWaitLockCreate(NULL, &Lock);
    return Lock;
}

/* One thread takes a lock that it has, or gives back one that it has not. */
static VOID WithLock(ULONG Case)
{
    WDFWAITLOCK WaitLock = FreeWaitLock();
    WDFSPINLOCK SpinLock = NULL;

    switch (Case) {
    case MISBEHAVE_LOCK_TWICE:
        WdfSpinLockAcquire(AcquiredLock());
        break;
    case MISBEHAVE_WAIT_LOCK_TWICE:
        (void)WdfWaitLockAcquire(WaitLock, NULL);
        (void)WdfWaitLockAcquire(WaitLock, NULL);
        break;
    case MISBEHAVE_RELEASE_SPIN:
        (void)WdfSpinLockCreate(NULL, &SpinLock);
        WdfSpinLockRelease(SpinLock);
        break;
    case MISBEHAVE_RELEASE_WAIT:
        WdfWaitLockRelease(WaitLock);
        break;
    default:
        break;
    }
}

static VOID WithRequest(TEST_DEVICE *Device, WDFREQUEST Request, ULONG Case)
{
    switch (Case) {
    case MISBEHAVE_DOUBLE_COMPLETION:
        WdfRequestComplete(Request, STATUS_SUCCESS);
        WdfRequestComplete(Request, STATUS_SUCCESS);
        break;
    case MISBEHAVE_NOT_OWNED:
        (void)WdfRequestForwardToIoQueue(Request, Device->Manual);
        WdfRequestComplete(Request, STATUS_SUCCESS);
        break;
    case MISBEHAVE_USE_AFTER_COMPLETION:
        WdfRequestComplete(Request, STATUS_SUCCESS);
        (void)WdfRequestForwardToIoQueue(Request, Device->Manual);
        break;
    case MISBEHAVE_WAIT_FOR_ITSELF:
        WdfIoQueueDrainSynchronously(WdfRequestGetIoQueue(Request));
        break;
    case MISBEHAVE_LOSE_REQUEST:
        break;
    case MISBEHAVE_INFORMATION:
        WdfRequestCompleteWithInformation(Request, STATUS_SUCCESS, 4096);
        break;
    case MISBEHAVE_STILL_CANCELABLE:
        WdfRequestMarkCancelable(Request, EvtIgnore);
        WdfRequestComplete(Request, STATUS_SUCCESS);
        break;
    case MISBEHAVE_STATUS_PENDING:
        WdfRequestComplete(Request, STATUS_PENDING);
        break;
    default:
        break;
    }
}

static VOID WithObject(TEST_DEVICE *Device, ULONG Case)
{
    WDFMEMORY Memory = CreateMemory(Device->Device);
    UNICODE_STRING Text;
    WDFSTRING String;

    switch (Case) {
    case MISBEHAVE_USE_AFTER_DELETE:
        WdfObjectDelete(Memory);
        (void)WdfMemoryGetBuffer(Memory, NULL);
        break;
    case MISBEHAVE_LEAK:
        WdfObjectReference(Memory);
        break;
    case MISBEHAVE_WRONG_IRQL:
        (void)AcquiredLock();
        (void)WdfStringCreate(NULL, NULL, &String);
        break;
    case MISBEHAVE_RETURN_RAISED:
        (void)AcquiredLock();
        break;
    case MISBEHAVE_WRONG_OBJECT:
        WdfStringGetUnicodeString((WDFSTRING)(PVOID)Memory, &Text);
        break;
    case MISBEHAVE_BAD_HANDLE:
        (void)WdfMemoryGetBuffer((WDFMEMORY)(ULONG_PTR)0x1234, NULL);
        break;
    case MISBEHAVE_DEREFERENCE:
        WdfObjectDereference(Memory);
        break;
    case MISBEHAVE_BUG_CHECK:
        WdfVerifierKeBugCheck(0xDEAD, 1, 2, 3, 4);
        break;
    default:
        break;
    }
}

VOID TestMisbehave(TEST_DEVICE *Device, WDFREQUEST Request, ULONG Case)
{
    switch (Case) {
    case MISBEHAVE_DOUBLE_COMPLETION:
    case MISBEHAVE_NOT_OWNED:
    case MISBEHAVE_LOSE_REQUEST:
    case MISBEHAVE_INFORMATION:
    case MISBEHAVE_STILL_CANCELABLE:
    case MISBEHAVE_STATUS_PENDING:
    case MISBEHAVE_USE_AFTER_COMPLETION:
    case MISBEHAVE_WAIT_FOR_ITSELF:
        WithRequest(Device, Request, Case);
        break;
    case MISBEHAVE_LOCK_TWICE:
    case MISBEHAVE_WAIT_LOCK_TWICE:
    case MISBEHAVE_RELEASE_SPIN:
    case MISBEHAVE_RELEASE_WAIT:
        WithLock(Case);
        WdfRequestComplete(Request, STATUS_SUCCESS);
        break;
    default:
        WithObject(Device, Case);
        WdfRequestComplete(Request, STATUS_SUCCESS);
        break;
    }
}
