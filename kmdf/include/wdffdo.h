/* What can be asked and said of an FDO or filter before its device is created. PASSIVE_LEVEL. */
#ifndef KMDF_WDFFDO_H
#define KMDF_WDFFDO_H

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS(
    _In_ WDFDEVICE Device, _In_ WDFIORESREQLIST IoResourceRequirementsList);
typedef EVT_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS *PFN_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS;

typedef NTSTATUS NTAPI EVT_WDF_DEVICE_REMOVE_ADDED_RESOURCES(_In_ WDFDEVICE Device,
                                                             _In_ WDFCMRESLIST ResourcesRaw,
                                                             _In_ WDFCMRESLIST ResourcesTranslated);
typedef EVT_WDF_DEVICE_REMOVE_ADDED_RESOURCES *PFN_WDF_DEVICE_REMOVE_ADDED_RESOURCES;

typedef struct _WDF_FDO_EVENT_CALLBACKS {
    ULONG Size;
    PFN_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS EvtDeviceFilterAddResourceRequirements;
    PFN_WDF_DEVICE_FILTER_RESOURCE_REQUIREMENTS EvtDeviceFilterRemoveResourceRequirements;
    PFN_WDF_DEVICE_REMOVE_ADDED_RESOURCES EvtDeviceRemoveAddedResources;
} WDF_FDO_EVENT_CALLBACKS, *PWDF_FDO_EVENT_CALLBACKS;

static inline VOID WDF_FDO_EVENT_CALLBACKS_INIT(_Out_ PWDF_FDO_EVENT_CALLBACKS Callbacks)
{
    RtlZeroMemory(Callbacks, sizeof(*Callbacks));
    Callbacks->Size = sizeof(*Callbacks);
}

WDF_FUNCTION(PDEVICE_OBJECT, WdfFdoInitWdmGetPhysicalDevice, (PWDFDEVICE_INIT DeviceInit),
             (DeviceInit))
WDF_FUNCTION(NTSTATUS, WdfFdoInitOpenRegistryKey,
             (PWDFDEVICE_INIT DeviceInit, ULONG DeviceInstanceKeyType, ACCESS_MASK DesiredAccess,
              PWDF_OBJECT_ATTRIBUTES KeyAttributes, WDFKEY *Key),
             (DeviceInit, DeviceInstanceKeyType, DesiredAccess, KeyAttributes, Key))
WDF_FUNCTION(NTSTATUS, WdfFdoInitQueryProperty,
             (PWDFDEVICE_INIT DeviceInit, DEVICE_REGISTRY_PROPERTY DeviceProperty,
              ULONG BufferLength, PVOID PropertyBuffer, PULONG ResultLength),
             (DeviceInit, DeviceProperty, BufferLength, PropertyBuffer, ResultLength))
WDF_FUNCTION(NTSTATUS, WdfFdoInitAllocAndQueryProperty,
             (PWDFDEVICE_INIT DeviceInit, DEVICE_REGISTRY_PROPERTY DeviceProperty,
              POOL_TYPE PoolType, PWDF_OBJECT_ATTRIBUTES PropertyMemoryAttributes,
              WDFMEMORY *PropertyMemory),
             (DeviceInit, DeviceProperty, PoolType, PropertyMemoryAttributes, PropertyMemory))
WDF_FUNCTION(NTSTATUS, WdfFdoInitQueryPropertyEx,
             (PWDFDEVICE_INIT DeviceInit, PWDF_DEVICE_PROPERTY_DATA DeviceProperty,
              ULONG BufferLength, PVOID PropertyBuffer, PULONG ResultLength, PDEVPROPTYPE Type),
             (DeviceInit, DeviceProperty, BufferLength, PropertyBuffer, ResultLength, Type))
WDF_FUNCTION(NTSTATUS, WdfFdoInitAllocAndQueryPropertyEx,
             (PWDFDEVICE_INIT DeviceInit, PWDF_DEVICE_PROPERTY_DATA DeviceProperty,
              POOL_TYPE PoolType, PWDF_OBJECT_ATTRIBUTES PropertyMemoryAttributes,
              WDFMEMORY *PropertyMemory, PDEVPROPTYPE Type),
             (DeviceInit, DeviceProperty, PoolType, PropertyMemoryAttributes, PropertyMemory, Type))
WDF_FUNCTION(VOID, WdfFdoInitSetEventCallbacks,
             (PWDFDEVICE_INIT DeviceInit, PWDF_FDO_EVENT_CALLBACKS FdoEventCallbacks),
             (DeviceInit, FdoEventCallbacks))
WDF_FUNCTION(VOID, WdfFdoInitSetFilter, (PWDFDEVICE_INIT DeviceInit), (DeviceInit))

#endif
