/* Breaking into the debugger and stopping the system. Any IRQL. */
#ifndef KMDF_WDFVERIFIER_H
#define KMDF_WDFVERIFIER_H

typedef VOID(NTAPI *PFN_WdfVerifierDbgBreakPoint)(PWDF_DRIVER_GLOBALS DriverGlobals);

static inline VOID WdfVerifierDbgBreakPoint(VOID)
{
    ((PFN_WdfVerifierDbgBreakPoint)WdfFunctions[WdfVerifierDbgBreakPointTableIndex])(
        WdfDriverGlobals);
}

WDF_FUNCTION(VOID, WdfVerifierKeBugCheck,
             (ULONG BugCheckCode, ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
              ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4),
             (BugCheckCode, BugCheckParameter1, BugCheckParameter2, BugCheckParameter3,
              BugCheckParameter4))

#endif
