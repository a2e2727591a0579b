/* WDFWORKITEM: a callback at PASSIVE_LEVEL on one of Wine's pool threads. */
#include "fx.h"

typedef struct _FX_WORK_ITEM {
    FX_OBJECT Object;
    WDF_WORKITEM_CONFIG Config;
    PIO_WORKITEM Item;
    FX_OBJECT *ParentObject;
    FX_PRESENTATION_LOCK *Presentation; /* NULL: not serialized */
    volatile LONG Queued;               /* enqueued, and the callback has not begun */
    volatile LONG Running;              /* enqueued or in the callback */
} FX_WORK_ITEM;

static VOID NTAPI Run(DEVICE_OBJECT *Wdm, PVOID Context)
{
    FX_WORK_ITEM *Work = Context;

    (void)Wdm;
    InterlockedExchange(&Work->Queued, FALSE);
    FxPresentationAcquire(Work->Presentation);
    FX_CALLBACK(Work->Object.Driver, "EvtWorkItem", Work->Config.EvtWorkItemFunc(FxHandle(Work)));
    FxPresentationRelease(Work->Presentation);
    InterlockedDecrement(&Work->Running);
}

static VOID WaitIdle(FX_WORK_ITEM *Work)
{
    LARGE_INTEGER Time = {.QuadPart = WDF_REL_TIMEOUT_IN_MS(1)};

    while (Work->Running > 0) {
        KeDelayExecutionThread(KernelMode, FALSE, &Time);
    }
}

static NTSTATUS NTAPI WorkItemCreate(PWDF_DRIVER_GLOBALS Globals, PWDF_WORKITEM_CONFIG Config,
                                     PWDF_OBJECT_ATTRIBUTES Attributes, WDFWORKITEM *Handle)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_WORK_ITEM *Work;
    FX_OBJECT *Parent;
    FX_DEVICE *Device;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);

    *Handle = NULL;
    if (NT_SUCCESS(Status) && Config->Size != sizeof(*Config)) {
        Status = STATUS_INFO_LENGTH_MISMATCH;
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Attributes == NULL || Attributes->ParentObject == NULL) {
        return STATUS_WDF_PARENT_NOT_SPECIFIED;
    }
    Parent = FxAnyFromHandle(Globals, Attributes->ParentObject, __func__);
    Device = FxDeviceAbove(Parent);
    if (Device == NULL) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    Status = FxObjectCreate(Driver, FxTypeWorkItem, sizeof(*Work), Attributes, NULL, &Work);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Work->Config = *Config;
    Work->ParentObject = Parent;
    Work->Presentation = Config->AutomaticSerialization ? FxPresentationOf(Parent) : NULL;
    Work->Item = IoAllocateWorkItem(Device->Wdm);
    if (Work->Item == NULL) {
        FxObjectDelete(Work);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    if (Work->Presentation != NULL && Work->Presentation->Raises) {
        FxObjectDelete(Work);
        return STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
    }
    *Handle = FxHandle(Work);
    return STATUS_SUCCESS;
}

static VOID NTAPI WorkItemEnqueue(PWDF_DRIVER_GLOBALS Globals, WDFWORKITEM Handle)
{
    FX_WORK_ITEM *Work = FxFromHandle(Globals, Handle, FxTypeWorkItem, __func__);

    if (InterlockedExchange(&Work->Queued, TRUE) == FALSE) {
        InterlockedIncrement(&Work->Running);
        IoQueueWorkItem(Work->Item, Run, DelayedWorkQueue, Work);
    }
}

static WDFOBJECT NTAPI WorkItemGetParentObject(PWDF_DRIVER_GLOBALS Globals, WDFWORKITEM Handle)
{
    FX_WORK_ITEM *Work = FxFromHandle(Globals, Handle, FxTypeWorkItem, __func__);

    return FxHandle(Work->ParentObject);
}

static VOID NTAPI WorkItemFlush(PWDF_DRIVER_GLOBALS Globals, WDFWORKITEM Handle)
{
    FX_WORK_ITEM *Work = FxFromHandle(Globals, Handle, FxTypeWorkItem, __func__);

    FxRequirePassive(FxDriver(Globals), __func__);
    WaitIdle(Work);
}

VOID FxWorkItemDispose(FX_OBJECT *Object)
{
    WaitIdle((FX_WORK_ITEM *)Object);
}

VOID FxWorkItemDestroy(FX_OBJECT *Object)
{
    FX_WORK_ITEM *Work = (FX_WORK_ITEM *)Object;

    if (Work->Item != NULL) {
        IoFreeWorkItem(Work->Item);
    }
}

const FX_ENTRY FxWorkItemEntries[] = {
    FX_ENTRY_OF(WdfWorkItemCreate, WorkItemCreate),
    FX_ENTRY_OF(WdfWorkItemEnqueue, WorkItemEnqueue),
    FX_ENTRY_OF(WdfWorkItemGetParentObject, WorkItemGetParentObject),
    FX_ENTRY_OF(WdfWorkItemFlush, WorkItemFlush),
    FX_ENTRIES_END,
};
