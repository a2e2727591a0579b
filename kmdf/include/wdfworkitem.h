/* Work items: the callback runs at PASSIVE_LEVEL in a system thread. */
#ifndef KMDF_WDFWORKITEM_H
#define KMDF_WDFWORKITEM_H

typedef VOID NTAPI EVT_WDF_WORKITEM(_In_ WDFWORKITEM WorkItem);
typedef EVT_WDF_WORKITEM *PFN_WDF_WORKITEM;

typedef struct _WDF_WORKITEM_CONFIG {
    ULONG Size;
    PFN_WDF_WORKITEM EvtWorkItemFunc;
    BOOLEAN AutomaticSerialization;
} WDF_WORKITEM_CONFIG, *PWDF_WORKITEM_CONFIG;

static inline VOID WDF_WORKITEM_CONFIG_INIT(_Out_ PWDF_WORKITEM_CONFIG Config,
                                            _In_ PFN_WDF_WORKITEM EvtWorkItemFunc)
{
    RtlZeroMemory(Config, sizeof(*Config));
    Config->Size = sizeof(*Config);
    Config->EvtWorkItemFunc = EvtWorkItemFunc;
    Config->AutomaticSerialization = TRUE;
}

WDF_FUNCTION(NTSTATUS, WdfWorkItemCreate,
             (PWDF_WORKITEM_CONFIG Config, PWDF_OBJECT_ATTRIBUTES Attributes,
              WDFWORKITEM *WorkItem),
             (Config, Attributes, WorkItem))
WDF_FUNCTION(VOID, WdfWorkItemEnqueue, (WDFWORKITEM WorkItem), (WorkItem))
WDF_FUNCTION(WDFOBJECT, WdfWorkItemGetParentObject, (WDFWORKITEM WorkItem), (WorkItem))
/* Waits until the callback has run for every enqueue before the call. PASSIVE_LEVEL. */
WDF_FUNCTION(VOID, WdfWorkItemFlush, (WDFWORKITEM WorkItem), (WorkItem))

#endif
