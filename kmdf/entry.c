/*
 * The entry stub that every KMDF driver is linked with. The image's entry point is FxDriverEntry:
 * it binds to the framework, calls the driver's DriverEntry, and unbinds when that fails or after
 * the driver has been unloaded.
 */
#include <ntddk.h>
#include <wdf.h>

#include "wdfldr.h"

#define REGISTRY_PATH_CHARS 260

DRIVER_INITIALIZE DriverEntry;
DRIVER_INITIALIZE FxDriverEntry;

const WDFFUNC *WdfFunctions;
PWDF_DRIVER_GLOBALS WdfDriverGlobals;

static WCHAR ComponentName[] = L"KmdfLibrary";

static WDF_BIND_INFO BindInfo = {
    .Size = sizeof(WDF_BIND_INFO),
    .Component = ComponentName,
    .Version = {1, 15, 0},
    .FuncCount = WdfFunctionTableNumEntries,
    .FuncTable = &WdfFunctions,
};

/* The caller's registry path does not outlive DriverEntry, and unbinding needs it. */
static WCHAR RegistryPathBuffer[REGISTRY_PATH_CHARS];
static UNICODE_STRING RegistryPathCopy = {0, sizeof(RegistryPathBuffer), RegistryPathBuffer};

static PDRIVER_UNLOAD DisplacedUnload;

static VOID Unbind(VOID)
{
    WdfVersionUnbind(&RegistryPathCopy, &BindInfo, WdfDriverGlobals);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    if (DisplacedUnload != NULL) {
        DisplacedUnload(DriverObject);
    }
    Unbind();
}

NTSTATUS NTAPI FxDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    RtlCopyUnicodeString(&RegistryPathCopy, RegistryPath);
    Status = WdfVersionBind(DriverObject, &RegistryPathCopy, &BindInfo, &WdfDriverGlobals);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = DriverEntry(DriverObject, RegistryPath);
    if (!NT_SUCCESS(Status)) {
        Unbind();
        return Status;
    }
    if (WdfDriverGlobals->DisplaceDriverUnload) {
        DisplacedUnload = DriverObject->DriverUnload;
        DriverObject->DriverUnload = DriverUnload;
    }
    return Status;
}
