/* The typed contexts of an object, each with its own cleanup and destroy callback. */
#include "fx.h"

NTSTATUS FxContextCreate(FX_OBJECT *Object, const WDF_OBJECT_ATTRIBUTES *Attributes,
                         FX_CONTEXT **Result)
{
    PCWDF_OBJECT_CONTEXT_TYPE_INFO Type = Attributes->ContextTypeInfo;
    SIZE_T Size = 0;
    FX_CONTEXT *Context;

    if (Type == NULL && Attributes->EvtCleanupCallback == NULL &&
        Attributes->EvtDestroyCallback == NULL) {
        return STATUS_SUCCESS;
    }
    if (Type != NULL) {
        Size = Attributes->ContextSizeOverride != 0 ? Attributes->ContextSizeOverride
                                                    : Type->ContextSize;
    }
    Context = FxAllocate(sizeof(*Context) + Size);
    if (Context == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Context->Object = Object;
    Context->Type = Type == NULL ? NULL : Type->UniqueType;
    Context->Size = Size;
    Context->Cleanup = Attributes->EvtCleanupCallback;
    Context->Destroy = Attributes->EvtDestroyCallback;
    FxLockAcquire(&Object->Driver->TreeLock);
    InsertTailList(&Object->Contexts, &Context->Link);
    FxLockRelease(&Object->Driver->TreeLock);
    if (Result != NULL) {
        *Result = Context;
    }
    return STATUS_SUCCESS;
}

static FX_CONTEXT *FindContext(FX_OBJECT *Object, PCWDF_OBJECT_CONTEXT_TYPE_INFO Type)
{
    LIST_ENTRY *Entry;

    /* Contexts are only ever added, and at the end: no lock. */
    for (Entry = Object->Contexts.Flink; Entry != &Object->Contexts; Entry = Entry->Flink) {
        FX_CONTEXT *Context = CONTAINING_RECORD(Entry, FX_CONTEXT, Link);
        if (Context->Type == Type) {
            return Context;
        }
    }
    return NULL;
}

VOID FxContextRunCleanup(FX_OBJECT *Object)
{
    LIST_ENTRY *Entry;

    for (Entry = Object->Contexts.Flink; Entry != &Object->Contexts; Entry = Entry->Flink) {
        FX_CONTEXT *Context = CONTAINING_RECORD(Entry, FX_CONTEXT, Link);
        if (Context->Cleanup != NULL) {
            FX_CALLBACK(Object->Driver, "EvtCleanupCallback", Context->Cleanup(FxHandle(Object)));
        }
    }
}

VOID FxContextDestroyAll(FX_OBJECT *Object)
{
    LIST_ENTRY *Entry;

    for (Entry = Object->Contexts.Flink; Entry != &Object->Contexts; Entry = Entry->Flink) {
        FX_CONTEXT *Context = CONTAINING_RECORD(Entry, FX_CONTEXT, Link);
        if (Context->Destroy != NULL) {
            FX_CALLBACK(Object->Driver, "EvtDestroyCallback", Context->Destroy(FxHandle(Object)));
        }
    }
    while (!IsListEmpty(&Object->Contexts)) {
        FxFree(CONTAINING_RECORD(RemoveHeadList(&Object->Contexts), FX_CONTEXT, Link));
    }
}

static PVOID FASTCALL ObjectGetTypedContextWorker(PWDF_DRIVER_GLOBALS Globals, WDFOBJECT Handle,
                                                  PCWDF_OBJECT_CONTEXT_TYPE_INFO Type)
{
    FX_OBJECT *Object = FxAnyFromHandle(Globals, Handle, "ObjectGetTypedContext");
    FX_CONTEXT *Context = FindContext(Object, Type->UniqueType);

    return Context == NULL ? NULL : Context->Data;
}

static NTSTATUS NTAPI ObjectAllocateContext(PWDF_DRIVER_GLOBALS Globals, WDFOBJECT Handle,
                                            PWDF_OBJECT_ATTRIBUTES Attributes, PVOID *Data)
{
    FX_OBJECT *Object = FxAnyFromHandle(Globals, Handle, __func__);
    FX_CONTEXT *Context;
    NTSTATUS Status = FxAttributesCheck(Attributes, FALSE);

    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Attributes == NULL || Attributes->ContextTypeInfo == NULL) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    Context = FindContext(Object, Attributes->ContextTypeInfo->UniqueType);
    if (Context != NULL) {
        Status = STATUS_OBJECT_NAME_EXISTS;
    } else if (Object->Deleted) {
        return STATUS_DELETE_PENDING;
    } else {
        Status = FxContextCreate(Object, Attributes, &Context);
    }
    if (NT_SUCCESS(Status) && Data != NULL) {
        *Data = Context->Data;
    }
    return Status;
}

static WDFOBJECT FASTCALL ObjectContextGetObject(PWDF_DRIVER_GLOBALS Globals, PVOID Data)
{
    FX_CONTEXT *Context = CONTAINING_RECORD(Data, FX_CONTEXT, Data);

    if (Data == NULL || !MmIsAddressValid(Context) ||
        Context->Object->Signature != FX_SIGNATURE_LIVE) {
        FxStop(FxDriver(Globals), "bad context: %p is passed to Wdf%s", Data, __func__);
    }
    return FxHandle(Context->Object);
}

const FX_ENTRY FxContextEntries[] = {
    FX_ENTRY_OF(WdfObjectGetTypedContextWorker, ObjectGetTypedContextWorker),
    FX_ENTRY_OF(WdfObjectAllocateContext, ObjectAllocateContext),
    FX_ENTRY_OF(WdfObjectContextGetObject, ObjectContextGetObject),
    FX_ENTRIES_END,
};
