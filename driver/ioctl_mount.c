#include "driver/ioctl_mount.h"
#include "engine/base/endian.h"

#define LINK_MINIMUM_BYTES 6u /* sizeof(MOUNTDEV_SUGGESTED_LINK_NAME) */
#define LINK_NAME_OFFSET   4u
#define LINK_CHARS         14u
#define LETTER_AT          12u

/* A 16-bit count and as many bytes; the count alone where they do not fit. */
static int32_t AnswerCounted(const VD_QUESTION *Question, const void *Bytes, uint16_t Count,
                             uint8_t *Output, size_t *Information)
{
    vdisk_store_le16(Output, Count);
    if (Question->OutputLength - sizeof(uint16_t) < Count)
        return VD_STATUS_BUFFER_OVERFLOW;
    memcpy(Output + sizeof(uint16_t), Bytes, Count);
    *Information = sizeof(uint16_t) + Count;
    return VD_STATUS_SUCCESS;
}

int32_t VdMountAnswerDeviceName(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    return AnswerCounted(Question, Question->Volume->Name, Question->Volume->NameBytes, Output,
                         Information);
}

int32_t VdMountAnswerUniqueId(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    static const char Label[] = {'V', 'i', 'r', 't', 'u', 'a', 'l', 'D', 'i', 's', 'k', ':'};
    uint8_t Id[sizeof(Label) + VD_IDENTITY_BYTES];

    memcpy(Id, Label, sizeof(Label));
    memcpy(Id + sizeof(Label), Question->Volume->Identity, VD_IDENTITY_BYTES);
    return AnswerCounted(Question, Id, sizeof(Id), Output, Information);
}

int32_t VdMountAnswerStableGuid(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Information;
    memcpy(Output, Question->Volume->Identity, VD_IDENTITY_BYTES);
    return VD_STATUS_SUCCESS;
}

/*
 * The letter that was wished for. The mount manager shall use it only where it remembers no other:
 * what a user chose later goes first.
 */
int32_t VdMountAnswerSuggestedLink(const VD_QUESTION *Question, uint8_t *Output,
                                   size_t *Information)
{
    static const char Link[LINK_CHARS] = {'\\', 'D', 'o', 's', 'D',  'e', 'v',
                                          'i',  'c', 'e', 's', '\\', 0,   ':'};
    const uint16_t Letter = Question->Volume->Letter;

    if (Letter == 0)
        return VD_STATUS_NOT_FOUND;
    if (Question->OutputLength < LINK_MINIMUM_BYTES)
        return VD_STATUS_BUFFER_TOO_SMALL;
    Output[0] = true; /* UseOnlyIfThereAreNoOtherLinks */
    vdisk_store_le16(Output + 2, LINK_CHARS * sizeof(uint16_t));
    *Information = LINK_MINIMUM_BYTES;
    if (Question->OutputLength - LINK_NAME_OFFSET < LINK_CHARS * sizeof(uint16_t))
        return VD_STATUS_BUFFER_OVERFLOW;
    for (uint32_t i = 0; i < LINK_CHARS; i++)
        vdisk_store_le16(Output + LINK_NAME_OFFSET + i * sizeof(uint16_t),
                         i == LETTER_AT ? Letter : (uint16_t)Link[i]);
    *Information = LINK_NAME_OFFSET + LINK_CHARS * sizeof(uint16_t);
    return VD_STATUS_SUCCESS;
}
