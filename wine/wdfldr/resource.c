/* WDFCMRESLIST: the hardware resources of a start. Wine's root devices have none. */
#include "fx.h"

VOID FxResourceListDestroy(FX_OBJECT *Object);

typedef ULONG(NTAPI *PFN_WdfCmResourceListGetCount)(PWDF_DRIVER_GLOBALS Globals, WDFCMRESLIST List);
typedef PCM_PARTIAL_RESOURCE_DESCRIPTOR(NTAPI *PFN_WdfCmResourceListGetDescriptor)(
    PWDF_DRIVER_GLOBALS Globals, WDFCMRESLIST List, ULONG Index);

typedef struct _FX_RESOURCE_LIST {
    FX_OBJECT Object;
    CM_PARTIAL_RESOURCE_LIST *List; /* NULL: empty */
} FX_RESOURCE_LIST;

VOID FxResourceListDestroy(FX_OBJECT *Object)
{
    FxFree(((FX_RESOURCE_LIST *)Object)->List);
}

NTSTATUS FxResourceListCreate(FX_DEVICE *Device, CM_RESOURCE_LIST *List, WDFCMRESLIST *Handle)
{
    FX_RESOURCE_LIST *Result;
    NTSTATUS Status = FxObjectCreate(Device->Object.Driver, FxTypeResourceList, sizeof(*Result),
                                     NULL, &Device->Object, &Result);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Result->Object.DriverMayDelete = FALSE;
    if (List != NULL && List->Count > 0) {
        CM_PARTIAL_RESOURCE_LIST *Partial = &List->List[0].PartialResourceList;
        SIZE_T Size = FIELD_OFFSET(CM_PARTIAL_RESOURCE_LIST, PartialDescriptors) +
                      Partial->Count * sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR);
        Result->List = FxAllocate(Size);
        if (Result->List == NULL) {
            FxObjectDelete(Result);
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        RtlCopyMemory(Result->List, Partial, Size);
    }
    *Handle = FxHandle(Result);
    return STATUS_SUCCESS;
}

static ULONG NTAPI CmResourceListGetCount(PWDF_DRIVER_GLOBALS Globals, WDFCMRESLIST Handle)
{
    FX_RESOURCE_LIST *List = FxFromHandle(Globals, Handle, FxTypeResourceList, __func__);

    return List->List == NULL ? 0 : List->List->Count;
}

static PCM_PARTIAL_RESOURCE_DESCRIPTOR NTAPI
CmResourceListGetDescriptor(PWDF_DRIVER_GLOBALS Globals, WDFCMRESLIST Handle, ULONG Index)
{
    FX_RESOURCE_LIST *List = FxFromHandle(Globals, Handle, FxTypeResourceList, __func__);

    if (List->List == NULL || Index >= List->List->Count) {
        return NULL;
    }
    return &List->List->PartialDescriptors[Index];
}

const FX_ENTRY FxResourceEntries[] = {
    FX_ENTRY_OF(WdfCmResourceListGetCount, CmResourceListGetCount),
    FX_ENTRY_OF(WdfCmResourceListGetDescriptor, CmResourceListGetDescriptor),
    FX_ENTRIES_END,
};
