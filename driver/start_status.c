#include "driver/start_status.h"
#include "engine/base/utf16.h"
#include "virtualdisk/driver_abi.h"
#include "virtualdisk/platform.h"

#define MESSAGE_CHARS 512

/* Text that stops growing where its memory ends. */
typedef struct _VD_TEXT {
    size_t Length;
    char Bytes[MESSAGE_CHARS]; /* UTF-8, NUL-terminated */
} VD_TEXT;

static VOID Append(VD_TEXT *Text, const char *More)
{
    while (*More != '\0' && Text->Length + 1 < sizeof(Text->Bytes))
        Text->Bytes[Text->Length++] = *More++;
    Text->Bytes[Text->Length] = '\0';
}

static VOID AppendNumber(VD_TEXT *Text, uint64_t Number)
{
    char Digits[21] = {0};
    size_t First = sizeof(Digits) - 1;

    do {
        Digits[--First] = (char)('0' + Number % 10);
        Number /= 10;
    } while (Number != 0);
    Append(Text, &Digits[First]);
}

/* For example: "\??\C:\a.vhdx: VHDX region table 2 at offset 262144: checksum does not match". */
static VOID Describe(VD_TEXT *Text, const struct vdisk_error *Error)
{
    if (Error->file[0] != '\0') {
        Append(Text, Error->file);
        Append(Text, ": ");
    }
    if (Error->structure != NULL) {
        Append(Text, Error->structure);
        if (Error->offset_bytes != VDISK_NO_OFFSET) {
            Append(Text, " at offset ");
            AppendNumber(Text, Error->offset_bytes);
        }
        Append(Text, ": ");
    }
    Append(Text, Error->reason != NULL ? Error->reason : vdisk_status_text(Error->status));
}

static VOID WriteMessage(WDFKEY Key, const struct vdisk_error *Error, VD_TEXT *Text, PWCHAR Units)
{
    UNICODE_STRING Name, Message;
    size_t Count;

    Describe(Text, Error);
    if (!vdisk_utf8_to_utf16(Text->Bytes, VDISK_UTF16_LE, Units, MESSAGE_CHARS, &Count))
        return;
    Message.Buffer = Units;
    Message.Length = Message.MaximumLength = (USHORT)(Count * sizeof(WCHAR));
    RtlInitUnicodeString(&Name, VIRTUALDISK_VALUE_START_MESSAGE);
    (VOID) WdfRegistryAssignUnicodeString(Key, &Name, &Message);
}

/* A status that cannot be written is not worth failing for. */
VOID VdStartStatusWrite(WDFDEVICE Device, NTSTATUS Status, const struct vdisk_error *Error)
{
    VD_TEXT *Text = vdisk_alloc(sizeof(*Text));
    PWCHAR Units = vdisk_alloc_array(MESSAGE_CHARS, sizeof(*Units));
    UNICODE_STRING Name;
    WDFKEY Key;

    if (NT_SUCCESS(WdfDeviceOpenRegistryKey(Device, PLUGPLAY_REGKEY_DEVICE, KEY_SET_VALUE,
                                            WDF_NO_OBJECT_ATTRIBUTES, &Key))) {
        RtlInitUnicodeString(&Name, VIRTUALDISK_VALUE_START_MESSAGE);
        (VOID) WdfRegistryRemoveValue(Key, &Name);
        if (!NT_SUCCESS(Status) && Text != NULL && Units != NULL)
            WriteMessage(Key, Error, Text, Units);
        RtlInitUnicodeString(&Name, VIRTUALDISK_VALUE_START_STATUS);
        (VOID) WdfRegistryAssignULong(Key, &Name, (ULONG)Status);
        WdfRegistryClose(Key);
    }
    vdisk_free(Units);
    vdisk_free(Text);
}
