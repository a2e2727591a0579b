/* Deferred procedure calls: the callback runs at DISPATCH_LEVEL. */
#ifndef KMDF_WDFDPC_H
#define KMDF_WDFDPC_H

typedef VOID NTAPI EVT_WDF_DPC(_In_ WDFDPC Dpc);
typedef EVT_WDF_DPC *PFN_WDF_DPC;

typedef struct _WDF_DPC_CONFIG {
    ULONG Size;
    PFN_WDF_DPC EvtDpcFunc;
    BOOLEAN AutomaticSerialization;
} WDF_DPC_CONFIG, *PWDF_DPC_CONFIG;

static inline VOID WDF_DPC_CONFIG_INIT(_Out_ PWDF_DPC_CONFIG Config, _In_ PFN_WDF_DPC EvtDpcFunc)
{
    RtlZeroMemory(Config, sizeof(*Config));
    Config->Size = sizeof(*Config);
    Config->EvtDpcFunc = EvtDpcFunc;
    Config->AutomaticSerialization = TRUE;
}

WDF_FUNCTION(NTSTATUS, WdfDpcCreate,
             (PWDF_DPC_CONFIG Config, PWDF_OBJECT_ATTRIBUTES Attributes, WDFDPC *Dpc),
             (Config, Attributes, Dpc))
WDF_FUNCTION(BOOLEAN, WdfDpcEnqueue, (WDFDPC Dpc), (Dpc))
WDF_FUNCTION(BOOLEAN, WdfDpcCancel, (WDFDPC Dpc, BOOLEAN Wait), (Dpc, Wait))
WDF_FUNCTION(WDFOBJECT, WdfDpcGetParentObject, (WDFDPC Dpc), (Dpc))
WDF_FUNCTION(PKDPC, WdfDpcWdmGetDpc, (WDFDPC Dpc), (Dpc))

#endif
