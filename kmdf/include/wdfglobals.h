/* What the framework keeps for one driver; the loader hands out the pointer in WdfVersionBind. */
#ifndef KMDF_WDFGLOBALS_H
#define KMDF_WDFGLOBALS_H

#define WDF_DRIVER_GLOBALS_NAME_LEN (32)

typedef struct _WDF_DRIVER_GLOBALS {
    WDFDRIVER Driver;
    ULONG DriverFlags;
    ULONG DriverTag;
    CHAR DriverName[WDF_DRIVER_GLOBALS_NAME_LEN];
    /* The entry stub chains itself in front of the driver's unload routine. */
    BOOLEAN DisplaceDriverUnload;
} WDF_DRIVER_GLOBALS, *PWDF_DRIVER_GLOBALS;

extern PWDF_DRIVER_GLOBALS WdfDriverGlobals;

#endif
