/* Control devices: outside the PnP stacks. PASSIVE_LEVEL. */
#ifndef KMDF_WDFCONTROL_H
#define KMDF_WDFCONTROL_H

typedef enum _WDF_DEVICE_SHUTDOWN_FLAGS {
    WdfDeviceShutdown = 0x01,
    WdfDeviceLastChanceShutdown,
} WDF_DEVICE_SHUTDOWN_FLAGS;

typedef VOID NTAPI EVT_WDF_DEVICE_SHUTDOWN_NOTIFICATION(_In_ WDFDEVICE Device);
typedef EVT_WDF_DEVICE_SHUTDOWN_NOTIFICATION *PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION;

WDF_FUNCTION(PWDFDEVICE_INIT, WdfControlDeviceInitAllocate,
             (WDFDRIVER Driver, CONST UNICODE_STRING *SDDLString), (Driver, SDDLString))
WDF_FUNCTION(VOID, WdfControlDeviceInitSetShutdownNotification,
             (PWDFDEVICE_INIT DeviceInit, PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION Notification,
              UCHAR Flags),
             (DeviceInit, Notification, Flags))
WDF_FUNCTION(VOID, WdfControlFinishInitializing, (WDFDEVICE Device), (Device))

#endif
