/* The driver object. PASSIVE_LEVEL. */
#ifndef KMDF_WDFDRIVER_H
#define KMDF_WDFDRIVER_H

typedef enum _WDF_DRIVER_INIT_FLAGS {
    /* No PnP: the driver makes control devices and may have EvtDriverUnload. */
    WdfDriverInitNonPnpDriver = 0x00000001,
    WdfDriverInitNoDispatchOverride = 0x00000002,
    WdfVerifyOn = 0x00000004,
    WdfVerifierOn = 0x00000008,
} WDF_DRIVER_INIT_FLAGS;

typedef NTSTATUS NTAPI EVT_WDF_DRIVER_DEVICE_ADD(_In_ WDFDRIVER Driver,
                                                 _Inout_ PWDFDEVICE_INIT DeviceInit);
typedef EVT_WDF_DRIVER_DEVICE_ADD *PFN_WDF_DRIVER_DEVICE_ADD;

typedef VOID NTAPI EVT_WDF_DRIVER_UNLOAD(_In_ WDFDRIVER Driver);
typedef EVT_WDF_DRIVER_UNLOAD *PFN_WDF_DRIVER_UNLOAD;

typedef struct _WDF_DRIVER_CONFIG {
    ULONG Size;
    PFN_WDF_DRIVER_DEVICE_ADD EvtDriverDeviceAdd;
    PFN_WDF_DRIVER_UNLOAD EvtDriverUnload;
    ULONG DriverInitFlags;
    ULONG DriverPoolTag;
} WDF_DRIVER_CONFIG, *PWDF_DRIVER_CONFIG;

static inline VOID WDF_DRIVER_CONFIG_INIT(_Out_ PWDF_DRIVER_CONFIG Config,
                                          _In_opt_ PFN_WDF_DRIVER_DEVICE_ADD EvtDriverDeviceAdd)
{
    RtlZeroMemory(Config, sizeof(*Config));
    Config->Size = sizeof(*Config);
    Config->EvtDriverDeviceAdd = EvtDriverDeviceAdd;
}

typedef struct _WDF_DRIVER_VERSION_AVAILABLE_PARAMS {
    ULONG Size;
    ULONG MajorVersion;
    ULONG MinorVersion;
} WDF_DRIVER_VERSION_AVAILABLE_PARAMS, *PWDF_DRIVER_VERSION_AVAILABLE_PARAMS;

static inline VOID
WDF_DRIVER_VERSION_AVAILABLE_PARAMS_INIT(_Out_ PWDF_DRIVER_VERSION_AVAILABLE_PARAMS Params,
                                         _In_ ULONG MajorVersion, _In_ ULONG MinorVersion)
{
    RtlZeroMemory(Params, sizeof(*Params));
    Params->Size = sizeof(*Params);
    Params->MajorVersion = MajorVersion;
    Params->MinorVersion = MinorVersion;
}

static inline WDFDRIVER WdfGetDriver(VOID)
{
    return WdfDriverGlobals->Driver;
}

WDF_FUNCTION(NTSTATUS, WdfDriverCreate,
             (PDRIVER_OBJECT DriverObject, PCUNICODE_STRING RegistryPath,
              PWDF_OBJECT_ATTRIBUTES DriverAttributes, PWDF_DRIVER_CONFIG DriverConfig,
              WDFDRIVER *Driver),
             (DriverObject, RegistryPath, DriverAttributes, DriverConfig, Driver))

WDF_FUNCTION(PWSTR, WdfDriverGetRegistryPath, (WDFDRIVER Driver), (Driver))
WDF_FUNCTION(PDRIVER_OBJECT, WdfDriverWdmGetDriverObject, (WDFDRIVER Driver), (Driver))
WDF_FUNCTION(NTSTATUS, WdfDriverOpenParametersRegistryKey,
             (WDFDRIVER Driver, ACCESS_MASK DesiredAccess, PWDF_OBJECT_ATTRIBUTES KeyAttributes,
              WDFKEY *Key),
             (Driver, DesiredAccess, KeyAttributes, Key))
WDF_FUNCTION(WDFDRIVER, WdfWdmDriverGetWdfDriverHandle, (PDRIVER_OBJECT DriverObject),
             (DriverObject))
WDF_FUNCTION(NTSTATUS, WdfDriverRetrieveVersionString, (WDFDRIVER Driver, WDFSTRING String),
             (Driver, String))
WDF_FUNCTION(BOOLEAN, WdfDriverIsVersionAvailable,
             (WDFDRIVER Driver, PWDF_DRIVER_VERSION_AVAILABLE_PARAMS VersionAvailableParams),
             (Driver, VersionAvailableParams))

#endif
