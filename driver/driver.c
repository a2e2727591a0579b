#include "driver/device.h"
#include "host/ntkernel/ntkernel.h"

#define VD_POOL_TAG ((ULONG)'wfDV') /* "VDfw": what the framework allocates for us */

DRIVER_INITIALIZE DriverEntry;

NTSTATUS NTAPI DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath)
{
    WDF_DRIVER_CONFIG Config;

    vdisk_ntkernel_init();
    VdMediaInitialize();
    WDF_DRIVER_CONFIG_INIT(&Config, VdEvtDeviceAdd);
    Config.DriverPoolTag = VD_POOL_TAG;
    return WdfDriverCreate(DriverObject, RegistryPath, WDF_NO_OBJECT_ATTRIBUTES, &Config,
                           WDF_NO_HANDLE);
}
