#include "driver/start_status.h"
#include "driver/words.h"
#include "virtualdisk/driver_abi.h"
#include "virtualdisk/platform.h"

static VOID WriteMessage(WDFKEY Key, const struct vdisk_error *Error)
{
    UNICODE_STRING Name, Message;

    Message.Buffer = VdWordsMake(Error, &Message.Length);
    if (Message.Buffer == NULL)
        return;
    Message.MaximumLength = Message.Length;
    RtlInitUnicodeString(&Name, VIRTUALDISK_VALUE_START_MESSAGE);
    (VOID) WdfRegistryAssignUnicodeString(Key, &Name, &Message);
    vdisk_free(Message.Buffer);
}

/* A status that cannot be written is not worth failing for. */
VOID VdStartStatusWrite(WDFDEVICE Device, NTSTATUS Status, const struct vdisk_error *Error)
{
    UNICODE_STRING Name;
    WDFKEY Key;

    PAGED_CODE();
    if (!NT_SUCCESS(WdfDeviceOpenRegistryKey(Device, PLUGPLAY_REGKEY_DEVICE, KEY_SET_VALUE,
                                             WDF_NO_OBJECT_ATTRIBUTES, &Key)))
        return;
    RtlInitUnicodeString(&Name, VIRTUALDISK_VALUE_START_MESSAGE);
    (VOID) WdfRegistryRemoveValue(Key, &Name);
    if (!NT_SUCCESS(Status))
        WriteMessage(Key, Error);
    RtlInitUnicodeString(&Name, VIRTUALDISK_VALUE_START_STATUS);
    (VOID) WdfRegistryAssignULong(Key, &Name, (ULONG)Status);
    WdfRegistryClose(Key);
}
