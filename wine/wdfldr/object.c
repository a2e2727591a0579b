/*
 * Objects: handles, parents, references, deletion.
 *
 * Deletion has two halves. Disposal runs the cleanup callbacks, those of the children before that
 * of their parent. Release then drops the creation references in the same order; the destroy
 * callback runs when an object's last reference goes. A destroyed object stays in a quarantine for
 * a while, so that the use of its handle is recognized for what it is.
 */
#include "fx.h"

#define QUARANTINE_SLOTS 1024
#define OBJECT_ALIGNMENT 15

static VOID MemoryDestroy(FX_OBJECT *Object)
{
    FX_MEMORY *Memory = (FX_MEMORY *)Object;

    if (Memory->OwnsBuffer) {
        FxFree(Memory->Buffer);
    }
}

static VOID StringDestroy(FX_OBJECT *Object)
{
    FxUnicodeFree(&((FX_STRING *)Object)->Value);
}

VOID FxCollectionDispose(FX_OBJECT *Object);
VOID FxKeyDestroy(FX_OBJECT *Object);
VOID FxResourceListDestroy(FX_OBJECT *Object);

const FX_TYPE_INFO FxTypeInfo[FxTypeMax] = {
    [FxTypeGeneric] = {"WDFOBJECT", NULL, NULL},
    [FxTypeDriver] = {"WDFDRIVER", NULL, NULL},
    [FxTypeDevice] = {"WDFDEVICE", FxDeviceDispose, FxDeviceDestroy},
    [FxTypeQueue] = {"WDFQUEUE", FxQueueDispose, FxQueueDestroy},
    [FxTypeRequest] = {"WDFREQUEST", NULL, FxRequestDestroy},
    [FxTypeFileObject] = {"WDFFILEOBJECT", NULL, NULL},
    [FxTypeMemory] = {"WDFMEMORY", NULL, MemoryDestroy},
    [FxTypeString] = {"WDFSTRING", NULL, StringDestroy},
    [FxTypeCollection] = {"WDFCOLLECTION", FxCollectionDispose, NULL},
    [FxTypeKey] = {"WDFKEY", NULL, FxKeyDestroy},
    [FxTypeSpinLock] = {"WDFSPINLOCK", NULL, NULL},
    [FxTypeWaitLock] = {"WDFWAITLOCK", NULL, NULL},
    [FxTypeWorkItem] = {"WDFWORKITEM", FxWorkItemDispose, FxWorkItemDestroy},
    [FxTypeTimer] = {"WDFTIMER", FxTimerDispose, NULL},
    [FxTypeDpc] = {"WDFDPC", FxDpcDispose, NULL},
    [FxTypeResourceList] = {"WDFCMRESLIST", NULL, FxResourceListDestroy},
};

static FX_LOCK QuarantineLock;
static FX_OBJECT *Quarantine[QUARANTINE_SLOTS]; /* protected by QuarantineLock */
static ULONG QuarantineNext;                    /* protected by QuarantineLock */

static VOID Quarantined(FX_OBJECT *Object)
{
    FX_OBJECT *Oldest;

    FxLockAcquire(&QuarantineLock);
    Oldest = Quarantine[QuarantineNext];
    Quarantine[QuarantineNext] = Object;
    QuarantineNext = (QuarantineNext + 1) % QUARANTINE_SLOTS;
    FxLockRelease(&QuarantineLock);
    FxFree(Oldest);
}

VOID FxObjectFlushQuarantine(VOID)
{
    ULONG i;

    for (i = 0; i < QUARANTINE_SLOTS; i++) {
        FX_OBJECT *Object;
        FxLockAcquire(&QuarantineLock);
        Object = Quarantine[i];
        Quarantine[i] = NULL;
        FxLockRelease(&QuarantineLock);
        FxFree(Object);
    }
}

NTSTATUS FxAttributesCheck(const WDF_OBJECT_ATTRIBUTES *Attributes, BOOLEAN ParentAllowed)
{
    if (Attributes == NULL) {
        return STATUS_SUCCESS;
    }
    if (Attributes->Size != sizeof(*Attributes)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Attributes->ParentObject != NULL && !ParentAllowed) {
        return STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED;
    }
    if (Attributes->ExecutionLevel == WdfExecutionLevelInvalid ||
        Attributes->ExecutionLevel > WdfExecutionLevelDispatch) {
        return STATUS_WDF_EXECUTION_LEVEL_INVALID;
    }
    if (Attributes->SynchronizationScope == WdfSynchronizationScopeInvalid ||
        Attributes->SynchronizationScope > WdfSynchronizationScopeNone) {
        return STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID;
    }
    if (Attributes->ContextSizeOverride != 0 &&
        (Attributes->ContextTypeInfo == NULL ||
         Attributes->ContextSizeOverride < Attributes->ContextTypeInfo->ContextSize)) {
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    }
    return STATUS_SUCCESS;
}

static VOID LinkObject(FX_OBJECT *Object, FX_OBJECT *Parent)
{
    FX_DRIVER *Driver = Object->Driver;

    FxLockAcquire(&Driver->TreeLock);
    Driver->ObjectsCreated++;
    InsertTailList(&Driver->LiveObjects, &Object->Live);
    if (Parent != NULL) {
        Object->Parent = Parent;
        InsertTailList(&Parent->Children, &Object->Sibling);
    }
    FxLockRelease(&Driver->TreeLock);
}

NTSTATUS FxObjectCreate(FX_DRIVER *Driver, FX_TYPE Type, SIZE_T Size,
                        const WDF_OBJECT_ATTRIBUTES *Attributes, FX_OBJECT *DefaultParent,
                        PVOID Result)
{
    FX_OBJECT *Parent = DefaultParent;
    FX_OBJECT *Object;
    NTSTATUS Status;

    if (Attributes != NULL && Attributes->ParentObject != NULL) {
        Parent =
            FxAnyFromHandle(&Driver->Public, Attributes->ParentObject, "...Create (ParentObject)");
        if (Parent->Deleted) {
            return STATUS_DELETE_PENDING;
        }
    }
    Object = FxAllocate(Size);
    if (Object == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Object->Signature = FX_SIGNATURE_LIVE;
    Object->Type = Type;
    Object->Driver = Driver;
    Object->References = 1;
    Object->DriverMayDelete = TRUE;
    InitializeListHead(&Object->Sibling);
    InitializeListHead(&Object->Children);
    InitializeListHead(&Object->Disposed);
    InitializeListHead(&Object->Contexts);
    Object->ExecutionLevel = WdfExecutionLevelInheritFromParent;
    Object->SynchronizationScope = WdfSynchronizationScopeInheritFromParent;
    if (Attributes != NULL) {
        Object->ExecutionLevel = Attributes->ExecutionLevel;
        Object->SynchronizationScope = Attributes->SynchronizationScope;
        Status = FxContextCreate(Object, Attributes, NULL);
        if (!NT_SUCCESS(Status)) {
            FxFree(Object);
            return Status;
        }
    }
    LinkObject(Object, Parent);
    *(FX_OBJECT **)Result = Object;
    return STATUS_SUCCESS;
}

VOID FxObjectReference(PVOID Object)
{
    InterlockedIncrement(&((FX_OBJECT *)Object)->References);
}

static VOID Destroy(FX_OBJECT *Object)
{
    FX_DRIVER *Driver = Object->Driver;

    FxContextDestroyAll(Object);
    if (FxTypeInfo[Object->Type].Destroy != NULL) {
        FxTypeInfo[Object->Type].Destroy(Object);
    }
    FxLockAcquire(&Driver->TreeLock);
    RemoveEntryList(&Object->Live);
    FxLockRelease(&Driver->TreeLock);
    Object->Signature = FX_SIGNATURE_DEAD;
    Quarantined(Object);
}

VOID FxObjectDereference(PVOID Pointer)
{
    FX_OBJECT *Object = Pointer;
    LONG Left = InterlockedDecrement(&Object->References);

    if (Left < 0) {
        FxStop(Object->Driver, "reference count: %s %p is dereferenced once too often",
               FxTypeInfo[Object->Type].Name, FxHandle(Object));
    }
    if (Left == 0) {
        Destroy(Object);
    }
}

/* Takes the first child whose deletion has not begun out of its parent's list, with a reference. */
static FX_OBJECT *TakeChild(FX_OBJECT *Object)
{
    FX_OBJECT *Found = NULL;
    LIST_ENTRY *Entry;

    FxLockAcquire(&Object->Driver->TreeLock);
    for (Entry = Object->Children.Flink; Entry != &Object->Children; Entry = Entry->Flink) {
        FX_OBJECT *Child = CONTAINING_RECORD(Entry, FX_OBJECT, Sibling);
        if (InterlockedExchange(&Child->Deleted, TRUE) == FALSE) {
            RemoveEntryList(&Child->Sibling);
            InsertTailList(&Object->Disposed, &Child->Sibling);
            Found = Child;
            break;
        }
    }
    FxLockRelease(&Object->Driver->TreeLock);
    return Found;
}

/* The object's Deleted is set already. The depth is that of the driver's object tree. */
static VOID DisposeTree(FX_OBJECT *Object)
{
    FX_OBJECT *Child;

    if (FxTypeInfo[Object->Type].Dispose != NULL) {
        FxTypeInfo[Object->Type].Dispose(Object);
    }
    while ((Child = TakeChild(Object)) != NULL) {
        DisposeTree(Child);
    }
    FxContextRunCleanup(Object);
}

VOID FxObjectDispose(PVOID Pointer)
{
    FX_OBJECT *Object = Pointer;

    if (InterlockedExchange(&Object->Deleted, TRUE)) {
        FxStop(Object->Driver, "use after delete: %s %p is deleted twice",
               FxTypeInfo[Object->Type].Name, FxHandle(Object));
    }
    DisposeTree(Object);
}

VOID FxObjectRelease(PVOID Pointer)
{
    FX_OBJECT *Object = Pointer;

    for (;;) {
        FX_OBJECT *Child = NULL;
        FxLockAcquire(&Object->Driver->TreeLock);
        if (!IsListEmpty(&Object->Disposed)) {
            Child = CONTAINING_RECORD(RemoveHeadList(&Object->Disposed), FX_OBJECT, Sibling);
            Child->Parent = NULL;
            InitializeListHead(&Child->Sibling);
        } else if (Object->Parent != NULL) {
            Object->Parent = NULL;
            RemoveEntryList(&Object->Sibling);
            InitializeListHead(&Object->Sibling);
        }
        FxLockRelease(&Object->Driver->TreeLock);
        if (Child == NULL) {
            break;
        }
        FxObjectRelease(Child);
    }
    FxObjectDereference(Object);
}

VOID FxObjectDelete(PVOID Object)
{
    FxObjectDispose(Object);
    FxObjectRelease(Object);
}

FX_OBJECT *FxAnyFromHandle(PWDF_DRIVER_GLOBALS Globals, PVOID Handle, const char *Function)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_OBJECT *Object = (FX_OBJECT *)~(ULONG_PTR)Handle;

    if (Handle == NULL) {
        FxStop(Driver, "bad handle: NULL is passed to Wdf%s", Function);
    }
    if (((ULONG_PTR)Object & OBJECT_ALIGNMENT) != 0 || !MmIsAddressValid(Object)) {
        FxStop(Driver, "bad handle: %p is passed to Wdf%s", Handle, Function);
    }
    if (Object->Signature == FX_SIGNATURE_DEAD && Object->Type == FxTypeRequest) {
        char Text[80];
        FxStop(Driver, "%s: WDFREQUEST %p (%s) is completed already and passed to Wdf%s",
               strncmp(Function, "RequestComplete", 15) == 0 ? "double completion"
                                                             : "use after completion",
               Handle, FxRequestDescribe((FX_REQUEST *)Object, Text, sizeof(Text)), Function);
    }
    if (Object->Signature == FX_SIGNATURE_DEAD) {
        FxStop(Driver, "use after delete: %s %p is deleted already and passed to Wdf%s",
               FxTypeInfo[Object->Type].Name, Handle, Function);
    }
    if (Object->Signature != FX_SIGNATURE_LIVE) {
        FxStop(Driver, "bad handle: %p is passed to Wdf%s", Handle, Function);
    }
    return Object;
}

PVOID FxFromHandle(PWDF_DRIVER_GLOBALS Globals, PVOID Handle, FX_TYPE Type, const char *Function)
{
    FX_OBJECT *Object = FxAnyFromHandle(Globals, Handle, Function);

    if (Object->Type != Type) {
        FxStop(FxDriver(Globals), "wrong object: %s %p is passed to Wdf%s, which takes a %s",
               FxTypeInfo[Object->Type].Name, Handle, Function, FxTypeInfo[Type].Name);
    }
    return Object;
}

FX_DEVICE *FxDeviceAbove(FX_OBJECT *Object)
{
    for (; Object != NULL; Object = Object->Parent) {
        if (Object->Type == FxTypeDevice) {
            return (FX_DEVICE *)Object;
        }
        if (Object->Type == FxTypeRequest) {
            return ((FX_REQUEST *)Object)->Device;
        }
    }
    return NULL;
}

/* ---- the driver's side ---- */

static NTSTATUS NTAPI ObjectCreate(PWDF_DRIVER_GLOBALS Globals, PWDF_OBJECT_ATTRIBUTES Attributes,
                                   WDFOBJECT *Handle)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_OBJECT *Object;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);

    *Handle = NULL;
    if (NT_SUCCESS(Status)) {
        Status = FxObjectCreate(Driver, FxTypeGeneric, sizeof(*Object), Attributes,
                                &Driver->Object->Object, &Object);
    }
    if (NT_SUCCESS(Status)) {
        *Handle = FxHandle(Object);
    }
    return Status;
}

static VOID NTAPI ObjectDelete(PWDF_DRIVER_GLOBALS Globals, WDFOBJECT Handle)
{
    FX_OBJECT *Object = FxAnyFromHandle(Globals, Handle, __func__);

    if (!Object->DriverMayDelete) {
        FxStop(FxDriver(Globals), "not the driver's to delete: %s %p",
               FxTypeInfo[Object->Type].Name, Handle);
    }
    if (Object->Type == FxTypeDevice) {
        FxDeviceDeleteWdm((FX_DEVICE *)Object);
    } else {
        FxObjectDelete(Object);
    }
}

static VOID NTAPI ObjectReferenceActual(PWDF_DRIVER_GLOBALS Globals, WDFOBJECT Handle, PVOID Tag,
                                        LONG Line, PCCH File)
{
    (void)Tag;
    (void)Line;
    (void)File;
    FxObjectReference(FxAnyFromHandle(Globals, Handle, "ObjectReference"));
}

static VOID NTAPI ObjectDereferenceActual(PWDF_DRIVER_GLOBALS Globals, WDFOBJECT Handle, PVOID Tag,
                                          LONG Line, PCCH File)
{
    FX_OBJECT *Object = FxAnyFromHandle(Globals, Handle, "ObjectDereference");

    (void)Tag;
    if (Object->References == 1 && !Object->Deleted) {
        FxStop(FxDriver(Globals), "reference count: %s %p is dereferenced once too often at %s:%ld",
               FxTypeInfo[Object->Type].Name, Handle, File == NULL ? "?" : File, Line);
    }
    FxObjectDereference(Object);
}

const FX_ENTRY FxObjectEntries[] = {
    FX_ENTRY_OF(WdfObjectCreate, ObjectCreate),
    FX_ENTRY_OF(WdfObjectDelete, ObjectDelete),
    FX_ENTRY_OF(WdfObjectReferenceActual, ObjectReferenceActual),
    FX_ENTRY_OF(WdfObjectDereferenceActual, ObjectDereferenceActual),
    FX_ENTRIES_END,
};
