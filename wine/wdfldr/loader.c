/*
 * The exports of WDFLDR.SYS. Wine loads the image for its import and never calls a DriverEntry of
 * it: everything begins with the first binding.
 */
#include "fx.h"

NTSTATUS NTAPI WdfVersionBindClass(PWDF_BIND_INFO BindInfo, PVOID Globals, PVOID ClassBindInfo);
VOID NTAPI WdfVersionUnbindClass(PWDF_BIND_INFO BindInfo, PVOID Globals, PVOID ClassBindInfo);
NTSTATUS NTAPI WdfRegisterClassLibrary(PVOID ClassLibraryInfo, PUNICODE_STRING SourceString,
                                       PUNICODE_STRING ClassLibraryName);
NTSTATUS NTAPI WdfLdrQueryInterface(PVOID Interface);
NTSTATUS NTAPI DllEntry(PVOID Module, ULONG Reason, PVOID Reserved);

#define LOST_REQUEST_TIMEOUT_MS 30000

static FX_LOCK DriversLock;
static LIST_ENTRY Drivers = {&Drivers, &Drivers}; /* FX_DRIVER.Link, protected by DriversLock */

FX_DRIVER *FxDriverFromWdm(DRIVER_OBJECT *WdmDriver)
{
    FX_DRIVER *Found = NULL;
    LIST_ENTRY *Entry;

    FxLockAcquire(&DriversLock);
    for (Entry = Drivers.Flink; Entry != &Drivers; Entry = Entry->Flink) {
        FX_DRIVER *Driver = CONTAINING_RECORD(Entry, FX_DRIVER, Link);
        if (Driver->WdmDriver == WdmDriver) {
            Found = Driver;
            break;
        }
    }
    FxLockRelease(&DriversLock);
    return Found;
}

/* The last part of the service's registry path, as the log shows it. */
static VOID NameDriver(FX_DRIVER *Driver, PCUNICODE_STRING RegistryPath)
{
    USHORT Count = RegistryPath->Length / sizeof(WCHAR);
    USHORT First = Count;
    USHORT i;

    while (First > 0 && RegistryPath->Buffer[First - 1] != L'\\') {
        First--;
    }
    for (i = 0; i < Count - First && i < WDF_DRIVER_GLOBALS_NAME_LEN - 1; i++) {
        Driver->Public.DriverName[i] = (CHAR)RegistryPath->Buffer[First + i];
    }
}

NTSTATUS NTAPI WdfVersionBind(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                              PWDF_BIND_INFO BindInfo, PWDF_DRIVER_GLOBALS *Globals)
{
    FX_DRIVER *Driver;

    if (BindInfo->Size != sizeof(*BindInfo) || BindInfo->Version.Major != 1 ||
        BindInfo->FuncCount > WdfFunctionTableNumEntries) {
        FxLog(NULL, "a driver for KMDF %lu.%lu (%lu functions) does not fit: this is KMDF 1.15",
              BindInfo->Version.Major, BindInfo->Version.Minor, BindInfo->FuncCount);
        return STATUS_REVISION_MISMATCH;
    }
    Driver = FxAllocate(sizeof(*Driver));
    if (Driver == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    InitializeListHead(&Driver->LiveObjects);
    InitializeListHead(&Driver->Devices);
    Driver->WdmDriver = DriverObject;
    Driver->LostRequestTimeout = LOST_REQUEST_TIMEOUT_MS;
    Driver->Public.DriverTag = FX_TAG;
    NameDriver(Driver, RegistryPath);

    FxLockAcquire(&DriversLock);
    InsertTailList(&Drivers, &Driver->Link);
    FxLockRelease(&DriversLock);

    *BindInfo->FuncTable = FxTable();
    *Globals = &Driver->Public;
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI WdfVersionUnbind(PUNICODE_STRING RegistryPath, PWDF_BIND_INFO BindInfo,
                                PWDF_DRIVER_GLOBALS Globals)
{
    FX_DRIVER *Driver = FxDriver(Globals);
    BOOLEAN Last;

    (void)RegistryPath;
    (void)BindInfo;
    FxDriverFinish(Driver);

    FxLockAcquire(&DriversLock);
    RemoveEntryList(&Driver->Link);
    Last = IsListEmpty(&Drivers);
    FxLockRelease(&DriversLock);

    if (Last) {
        FxTimerShutdown();
    }
    /* Dead objects name their driver in messages. */
    FxObjectFlushQuarantine();
    FxUnicodeFree(&Driver->RegistryPath);
    FxFree(Driver);
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI WdfVersionBindClass(PWDF_BIND_INFO BindInfo, PVOID Globals, PVOID ClassBindInfo)
{
    (void)BindInfo;
    (void)ClassBindInfo;
    FxLog(Globals == NULL ? NULL : FxDriver(Globals), "class extensions are not implemented");
    return STATUS_NOT_SUPPORTED;
}

VOID NTAPI WdfVersionUnbindClass(PWDF_BIND_INFO BindInfo, PVOID Globals, PVOID ClassBindInfo)
{
    (void)BindInfo;
    (void)Globals;
    (void)ClassBindInfo;
}

NTSTATUS NTAPI WdfRegisterClassLibrary(PVOID ClassLibraryInfo, PUNICODE_STRING SourceString,
                                       PUNICODE_STRING ClassLibraryName)
{
    (void)ClassLibraryInfo;
    (void)SourceString;
    (void)ClassLibraryName;
    FxLog(NULL, "class extensions are not implemented");
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS NTAPI WdfLdrQueryInterface(PVOID Interface)
{
    (void)Interface;
    return STATUS_NOT_SUPPORTED;
}

/* A DLL's entry point, which must say that loading succeeded. */
NTSTATUS NTAPI DllEntry(PVOID Module, ULONG Reason, PVOID Reserved)
{
    (void)Module;
    (void)Reason;
    (void)Reserved;
    return TRUE;
}
