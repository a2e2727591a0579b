/* WDFCOLLECTION: an ordered list that holds a reference on each item. */
#include "fx.h"

VOID FxCollectionDispose(FX_OBJECT *Object);

typedef struct _FX_COLLECTION {
    FX_OBJECT Object;
    FX_LOCK Lock;
    LIST_ENTRY Items; /* protected by Lock */
    ULONG Count;      /* protected by Lock */
} FX_COLLECTION;

typedef struct _FX_ITEM {
    LIST_ENTRY Link;
    FX_OBJECT *Object;
} FX_ITEM;

static NTSTATUS NTAPI CollectionCreate(PWDF_DRIVER_GLOBALS Globals,
                                       PWDF_OBJECT_ATTRIBUTES Attributes, WDFCOLLECTION *Handle)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    FX_COLLECTION *Collection;
    NTSTATUS Status = FxAttributesCheck(Attributes, TRUE);

    *Handle = NULL;
    if (NT_SUCCESS(Status)) {
        Status = FxObjectCreate(Driver, FxTypeCollection, sizeof(*Collection), Attributes,
                                &Driver->Object->Object, &Collection);
    }
    if (NT_SUCCESS(Status)) {
        InitializeListHead(&Collection->Items);
        *Handle = FxHandle(Collection);
    }
    return Status;
}

static ULONG NTAPI CollectionGetCount(PWDF_DRIVER_GLOBALS Globals, WDFCOLLECTION Handle)
{
    return ((FX_COLLECTION *)FX_COLLECTION_OF(Handle))->Count;
}

static NTSTATUS NTAPI CollectionAdd(PWDF_DRIVER_GLOBALS Globals, WDFCOLLECTION Handle,
                                    WDFOBJECT Object)
{
    FX_COLLECTION *Collection = FX_COLLECTION_OF(Handle);
    FX_ITEM *Item = FxAllocate(sizeof(*Item));

    if (Item == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Item->Object = FxAnyFromHandle(Globals, Object, __func__);
    FxObjectReference(Item->Object);
    FxLockAcquire(&Collection->Lock);
    InsertTailList(&Collection->Items, &Item->Link);
    Collection->Count++;
    FxLockRelease(&Collection->Lock);
    return STATUS_SUCCESS;
}

/* The item of an object, or the one at an index when the object is NULL. The lock is held. */
static FX_ITEM *Find(FX_COLLECTION *Collection, const FX_OBJECT *Object, ULONG Index)
{
    LIST_ENTRY *Entry;

    for (Entry = Collection->Items.Flink; Entry != &Collection->Items; Entry = Entry->Flink) {
        FX_ITEM *Item = CONTAINING_RECORD(Entry, FX_ITEM, Link);
        if (Object == NULL ? Index-- == 0 : Item->Object == Object) {
            return Item;
        }
    }
    return NULL;
}

static VOID Remove(FX_COLLECTION *Collection, const FX_OBJECT *Object, ULONG Index,
                   const char *Function)
{
    FX_ITEM *Item;

    FxLockAcquire(&Collection->Lock);
    Item = Find(Collection, Object, Index);
    if (Item != NULL) {
        RemoveEntryList(&Item->Link);
        Collection->Count--;
    }
    FxLockRelease(&Collection->Lock);
    if (Item == NULL) {
        FxStop(Collection->Object.Driver, "bad item: Wdf%s of what is not in the collection",
               Function);
    }
    FxObjectDereference(Item->Object);
    FxFree(Item);
}

static VOID NTAPI CollectionRemove(PWDF_DRIVER_GLOBALS Globals, WDFCOLLECTION Handle,
                                   WDFOBJECT Object)
{
    Remove(FX_COLLECTION_OF(Handle), FxAnyFromHandle(Globals, Object, __func__), 0, __func__);
}

static VOID NTAPI CollectionRemoveItem(PWDF_DRIVER_GLOBALS Globals, WDFCOLLECTION Handle,
                                       ULONG Index)
{
    Remove(FX_COLLECTION_OF(Handle), NULL, Index, __func__);
}

static WDFOBJECT NTAPI CollectionGetItem(PWDF_DRIVER_GLOBALS Globals, WDFCOLLECTION Handle,
                                         ULONG Index)
{
    FX_COLLECTION *Collection = FX_COLLECTION_OF(Handle);
    FX_ITEM *Item;

    FxLockAcquire(&Collection->Lock);
    Item = Find(Collection, NULL, Index);
    FxLockRelease(&Collection->Lock);
    return Item == NULL ? NULL : FxHandle(Item->Object);
}

static WDFOBJECT NTAPI CollectionGetFirstItem(PWDF_DRIVER_GLOBALS Globals, WDFCOLLECTION Handle)
{
    return CollectionGetItem(Globals, Handle, 0);
}

static WDFOBJECT NTAPI CollectionGetLastItem(PWDF_DRIVER_GLOBALS Globals, WDFCOLLECTION Handle)
{
    ULONG Count = CollectionGetCount(Globals, Handle);

    return Count == 0 ? NULL : CollectionGetItem(Globals, Handle, Count - 1);
}

VOID FxCollectionDispose(FX_OBJECT *Object)
{
    FX_COLLECTION *Collection = (FX_COLLECTION *)Object;

    while (Collection->Count > 0) {
        Remove(Collection, NULL, 0, "ObjectDelete");
    }
}

const FX_ENTRY FxCollectionEntries[] = {
    FX_ENTRY_OF(WdfCollectionCreate, CollectionCreate),
    FX_ENTRY_OF(WdfCollectionGetCount, CollectionGetCount),
    FX_ENTRY_OF(WdfCollectionAdd, CollectionAdd),
    FX_ENTRY_OF(WdfCollectionRemove, CollectionRemove),
    FX_ENTRY_OF(WdfCollectionRemoveItem, CollectionRemoveItem),
    FX_ENTRY_OF(WdfCollectionGetItem, CollectionGetItem),
    FX_ENTRY_OF(WdfCollectionGetFirstItem, CollectionGetFirstItem),
    FX_ENTRY_OF(WdfCollectionGetLastItem, CollectionGetLastItem),
    FX_ENTRIES_END,
};
