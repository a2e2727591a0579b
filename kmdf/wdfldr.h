/*
 * What a driver and the framework's loader (WDFLDR.SYS) say to each other: the driver names the
 * version that it was built for and where its function-table pointer is, the loader fills that
 * pointer and hands out the driver's globals.
 */
#ifndef KMDF_WDFLDR_H
#define KMDF_WDFLDR_H

typedef struct _WDF_VERSION {
    ULONG Major;
    ULONG Minor;
    ULONG Build;
} WDF_VERSION;

typedef struct _WDF_BIND_INFO {
    ULONG Size;
    PWCHAR Component;
    WDF_VERSION Version;
    ULONG FuncCount;
    const WDFFUNC **FuncTable;
    PVOID Module; /* the loader's */
} WDF_BIND_INFO, *PWDF_BIND_INFO;

NTSTATUS NTAPI WdfVersionBind(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                              PWDF_BIND_INFO BindInfo, PWDF_DRIVER_GLOBALS *ComponentGlobals);
NTSTATUS NTAPI WdfVersionUnbind(PUNICODE_STRING RegistryPath, PWDF_BIND_INFO BindInfo,
                                PWDF_DRIVER_GLOBALS ComponentGlobals);

#endif
