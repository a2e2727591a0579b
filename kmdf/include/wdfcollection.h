/* Collections: ordered lists that hold a reference on each item. IRQL <= DISPATCH_LEVEL. */
#ifndef KMDF_WDFCOLLECTION_H
#define KMDF_WDFCOLLECTION_H

WDF_FUNCTION(NTSTATUS, WdfCollectionCreate,
             (PWDF_OBJECT_ATTRIBUTES CollectionAttributes, WDFCOLLECTION *Collection),
             (CollectionAttributes, Collection))
WDF_FUNCTION(ULONG, WdfCollectionGetCount, (WDFCOLLECTION Collection), (Collection))
WDF_FUNCTION(NTSTATUS, WdfCollectionAdd, (WDFCOLLECTION Collection, WDFOBJECT Object),
             (Collection, Object))
WDF_FUNCTION(VOID, WdfCollectionRemove, (WDFCOLLECTION Collection, WDFOBJECT Item),
             (Collection, Item))
WDF_FUNCTION(VOID, WdfCollectionRemoveItem, (WDFCOLLECTION Collection, ULONG Index),
             (Collection, Index))
WDF_FUNCTION(WDFOBJECT, WdfCollectionGetItem, (WDFCOLLECTION Collection, ULONG Index),
             (Collection, Index))
WDF_FUNCTION(WDFOBJECT, WdfCollectionGetFirstItem, (WDFCOLLECTION Collection), (Collection))
WDF_FUNCTION(WDFOBJECT, WdfCollectionGetLastItem, (WDFCOLLECTION Collection), (Collection))

#endif
