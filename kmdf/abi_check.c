/*
 * The binary interface, asserted: table indices, enumeration values, and the size of and the last
 * fields in every structure that crosses it. Compiles for each architecture, against this
 * project's headers or Microsoft's.
 */
#include <ntddk.h>
#include <wdf.h>

#include "wdfldr.h"

#ifdef _WIN64
#define SIZES(x64, x86) (x64)
#else
#define SIZES(x64, x86) (x86)
#endif

#define ASSERT_VALUE(name, value)   _Static_assert((int)(name) == (value), #name)
#define ASSERT_INDEX(name, index)   ASSERT_VALUE(name##TableIndex, index)
#define ASSERT_SIZE(type, x64, x86) _Static_assert(sizeof(type) == SIZES(x64, x86), #type)
#define ASSERT_OFFSET(type, field, x64, x86)                                                       \
    _Static_assert(__builtin_offsetof(type, field) == SIZES(x64, x86), #type "." #field)

ASSERT_VALUE(WdfFunctionTableNumEntries, 444);
ASSERT_INDEX(WdfChildListCreate, 0);
ASSERT_INDEX(WdfCollectionCreate, 13);
ASSERT_INDEX(WdfControlDeviceInitAllocate, 25);
ASSERT_INDEX(WdfDeviceRetrieveDeviceName, 40);
ASSERT_INDEX(WdfDeviceOpenRegistryKey, 48);
ASSERT_INDEX(WdfDeviceInitSetIoType, 61);
ASSERT_INDEX(WdfDeviceInitSetDeviceType, 66);
ASSERT_INDEX(WdfDeviceInitAssignName, 67);
ASSERT_INDEX(WdfDeviceInitAssignSDDLString, 68);
ASSERT_INDEX(WdfDeviceCreate, 75);
ASSERT_INDEX(WdfDeviceCreateDeviceInterface, 77);
ASSERT_INDEX(WdfDeviceConfigureRequestDispatching, 93);
ASSERT_INDEX(WdfDpcCreate, 111);
ASSERT_INDEX(WdfDriverCreate, 116);
ASSERT_INDEX(WdfFdoInitWdmGetPhysicalDevice, 124);
ASSERT_INDEX(WdfFileObjectGetFileName, 137);
ASSERT_INDEX(WdfIoQueueCreate, 152);
ASSERT_INDEX(WdfIoQueueGetDevice, 157);
ASSERT_INDEX(WdfIoTargetCreate, 167);
ASSERT_INDEX(WdfMemoryGetBuffer, 194);
ASSERT_INDEX(WdfObjectGetTypedContextWorker, 202);
ASSERT_INDEX(WdfObjectDelete, 208);
ASSERT_INDEX(WdfRegistryOpenKey, 229);
ASSERT_INDEX(WdfRequestCreate, 247);
ASSERT_INDEX(WdfRequestComplete, 263);
ASSERT_INDEX(WdfRequestCompleteWithInformation, 265);
ASSERT_INDEX(WdfRequestGetParameters, 266);
ASSERT_INDEX(WdfRequestRetrieveInputBuffer, 269);
ASSERT_INDEX(WdfRequestRetrieveOutputBuffer, 270);
ASSERT_INDEX(WdfRequestForwardToIoQueue, 281);
ASSERT_INDEX(WdfStringCreate, 308);
ASSERT_INDEX(WdfStringGetUnicodeString, 309);
ASSERT_INDEX(WdfWaitLockCreate, 312);
ASSERT_INDEX(WdfTimerCreate, 318);
ASSERT_INDEX(WdfVerifierKeBugCheck, 368);
ASSERT_INDEX(WdfWorkItemCreate, 379);
ASSERT_INDEX(WdfRequestMarkCancelableEx, 393);
ASSERT_INDEX(WdfIoQueueStopAndPurge, 418);
ASSERT_INDEX(WdfDeviceInitSetIoTypeEx, 432);
ASSERT_INDEX(WdfDeviceAllocAndQueryPropertyEx, 434);
ASSERT_INDEX(WdfDeviceAssignProperty, 435);
ASSERT_INDEX(WdfDeviceOpenDevicemapKey, 443);

ASSERT_VALUE(WdfUseDefault, 2);
ASSERT_VALUE(WdfExecutionLevelDispatch, 3);
ASSERT_VALUE(WdfSynchronizationScopeNone, 4);
ASSERT_VALUE(WdfDeviceIoDirect, 3);
ASSERT_VALUE(WdfIoQueueDispatchManual, 3);
ASSERT_VALUE(WdfIoQueuePnpHeld, 16);
ASSERT_VALUE(WdfPowerDeviceD3Final, 5);
ASSERT_VALUE(WdfRequestTypeDeviceControlInternal, 15);
ASSERT_VALUE(WdfRequestTypeMax, 256);
ASSERT_VALUE(WdfFileObjectWdfCannotUseFsContexts, 4);
ASSERT_VALUE(WdfSpecialFileBoot, 4);
ASSERT_VALUE(WdfDeviceLastChanceShutdown, 2);

ASSERT_SIZE(WDF_BIND_INFO, 48, 32);
ASSERT_OFFSET(WDF_BIND_INFO, FuncCount, 28, 20);
ASSERT_OFFSET(WDF_BIND_INFO, Module, 40, 28);
ASSERT_SIZE(WDF_DRIVER_GLOBALS, 56, 48);
ASSERT_OFFSET(WDF_DRIVER_GLOBALS, DisplaceDriverUnload, 48, 44);
ASSERT_SIZE(WDF_OBJECT_ATTRIBUTES, 56, 32);
ASSERT_OFFSET(WDF_OBJECT_ATTRIBUTES, ContextTypeInfo, 48, 28);
ASSERT_SIZE(WDF_OBJECT_CONTEXT_TYPE_INFO, 40, 20);
ASSERT_SIZE(WDF_DRIVER_CONFIG, 32, 20);
ASSERT_SIZE(WDF_DRIVER_VERSION_AVAILABLE_PARAMS, 12, 12);
ASSERT_SIZE(WDFMEMORY_OFFSET, 16, 8);
ASSERT_SIZE(WDF_FILEOBJECT_CONFIG, 40, 24);
ASSERT_SIZE(WDF_PNPPOWER_EVENT_CALLBACKS, 144, 72);
ASSERT_OFFSET(WDF_PNPPOWER_EVENT_CALLBACKS, EvtDeviceUsageNotificationEx, 136, 68);
ASSERT_SIZE(WDF_DEVICE_STATE, 28, 28);
ASSERT_SIZE(WDF_DEVICE_PNP_CAPABILITIES, 48, 48);
ASSERT_SIZE(WDF_REMOVE_LOCK_OPTIONS, 8, 8);
ASSERT_SIZE(WDF_IO_TYPE_CONFIG, 16, 16);
ASSERT_SIZE(WDF_DEVICE_PROPERTY_DATA, 24, 16);
ASSERT_OFFSET(WDF_DEVICE_PROPERTY_DATA, Flags, 20, 12);
ASSERT_SIZE(WDF_DPC_CONFIG, 24, 12);
ASSERT_SIZE(WDF_TIMER_CONFIG, 40, 32);
ASSERT_OFFSET(WDF_TIMER_CONFIG, UseHighResolutionTimer, 32, 24);
ASSERT_SIZE(WDF_WORKITEM_CONFIG, 24, 12);
ASSERT_SIZE(WDF_REQUEST_PARAMETERS, 40, 24);
ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Type, 4, 4);
ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.Read.DeviceOffset, 24, 16);
ASSERT_OFFSET(WDF_REQUEST_PARAMETERS, Parameters.DeviceIoControl.IoControlCode, 24, 16);
ASSERT_SIZE(WDF_IO_QUEUE_CONFIG, 96, 56);
ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, EvtIoDefault, 16, 16);
ASSERT_OFFSET(WDF_IO_QUEUE_CONFIG, Driver, 88, 52);
ASSERT_SIZE(WDF_FDO_EVENT_CALLBACKS, 32, 16);
