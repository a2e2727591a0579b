/* Timers. The callback runs at DISPATCH_LEVEL, or in a work item when the timer is passive. */
#ifndef KMDF_WDFTIMER_H
#define KMDF_WDFTIMER_H

#define TolerableDelayUnlimited ((ULONG)-1)

typedef VOID NTAPI EVT_WDF_TIMER(_In_ WDFTIMER Timer);
typedef EVT_WDF_TIMER *PFN_WDF_TIMER;

typedef struct _WDF_TIMER_CONFIG {
    ULONG Size;
    PFN_WDF_TIMER EvtTimerFunc;
    ULONG Period; /* milliseconds; 0: once */
    BOOLEAN AutomaticSerialization;
    ULONG TolerableDelay; /* milliseconds */
    DECLSPEC_ALIGN(8) BOOLEAN UseHighResolutionTimer;
} WDF_TIMER_CONFIG, *PWDF_TIMER_CONFIG;

static inline VOID WDF_TIMER_CONFIG_INIT(_Out_ PWDF_TIMER_CONFIG Config,
                                         _In_ PFN_WDF_TIMER EvtTimerFunc)
{
    RtlZeroMemory(Config, sizeof(*Config));
    Config->Size = sizeof(*Config);
    Config->EvtTimerFunc = EvtTimerFunc;
    Config->AutomaticSerialization = TRUE;
}

static inline VOID WDF_TIMER_CONFIG_INIT_PERIODIC(_Out_ PWDF_TIMER_CONFIG Config,
                                                  _In_ PFN_WDF_TIMER EvtTimerFunc, _In_ LONG Period)
{
    WDF_TIMER_CONFIG_INIT(Config, EvtTimerFunc);
    Config->Period = (ULONG)Period;
}

WDF_FUNCTION(NTSTATUS, WdfTimerCreate,
             (PWDF_TIMER_CONFIG Config, PWDF_OBJECT_ATTRIBUTES Attributes, WDFTIMER *Timer),
             (Config, Attributes, Timer))
/* DueTime in 100 ns units, negative: relative. TRUE: the timer was already running. */
WDF_FUNCTION(BOOLEAN, WdfTimerStart, (WDFTIMER Timer, LONGLONG DueTime), (Timer, DueTime))
WDF_FUNCTION(BOOLEAN, WdfTimerStop, (WDFTIMER Timer, BOOLEAN Wait), (Timer, Wait))
WDF_FUNCTION(WDFOBJECT, WdfTimerGetParentObject, (WDFTIMER Timer), (Timer))

#endif
