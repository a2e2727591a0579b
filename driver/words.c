#include "driver/words.h"
#include "engine/base/utf16.h"
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

PWCHAR VdWordsMake(const struct vdisk_error *Error, USHORT *Length)
{
    VD_TEXT *Text = vdisk_alloc(sizeof(*Text));
    PWCHAR Words = vdisk_alloc_array(MESSAGE_CHARS, sizeof(*Words));
    size_t Count = 0;
    bool Made = false;

    if (Text != NULL && Words != NULL) {
        Describe(Text, Error);
        Made = vdisk_utf8_to_utf16(Text->Bytes, VDISK_UTF16_LE, Words, MESSAGE_CHARS, &Count);
    }
    vdisk_free(Text);
    if (!Made) {
        vdisk_free(Words);
        return NULL;
    }
    *Length = (USHORT)(Count * sizeof(WCHAR));
    return Words;
}
