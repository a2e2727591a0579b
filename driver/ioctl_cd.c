#include "driver/ioctl_cd.h"
#include "engine/base/endian.h"

#define SECTOR_BYTES      2048u
#define FRAMES_PER_SECOND 75u
#define SECONDS           60u
#define FIRST_FRAME       150u /* sector 0 lies two seconds behind the beginning */
#define MINUTES_MAX       255u
#define CD_FRAMES_MAX     (100u * SECONDS * FRAMES_PER_SECOND) /* what is longer is no CD */

#define DATA_TRACK       0x14u /* ADR: position; CONTROL: data track */
#define LEAD_OUT         0xaau
#define TRACK_BYTES      8u
#define TOC_HEAD_BYTES   4u
#define FULL_TRACK_BYTES 11u
#define FULL_TOC_BYTES   (TOC_HEAD_BYTES + 4u * FULL_TRACK_BYTES)

#define TOC_FORMAT_TOC     0u
#define TOC_FORMAT_SESSION 1u
#define TOC_FORMAT_FULL    2u
#define TOC_FORMAT_LAST    5u /* CD-TEXT */

#define DISK_DATA_TRACK 2u /* CDROM_DISK_DATA_TRACK */

static uint64_t LeadOut(const VD_VOLUME *Volume)
{
    return Volume->SizeBytes / SECTOR_BYTES;
}

/* Places behind the last that can be told, which DVDs have, are told as the last. */
static void PutMsf(uint8_t Msf[3], uint64_t Sector)
{
    const uint64_t Frames = Sector + FIRST_FRAME;
    const uint64_t Minutes = Frames / (SECONDS * FRAMES_PER_SECOND);
    const bool Fits = Minutes <= MINUTES_MAX;

    Msf[0] = (uint8_t)(Fits ? Minutes : MINUTES_MAX);
    Msf[1] = (uint8_t)(Fits ? Frames / FRAMES_PER_SECOND % SECONDS : SECONDS - 1);
    Msf[2] = (uint8_t)(Fits ? Frames % FRAMES_PER_SECOND : FRAMES_PER_SECOND - 1);
}

static void PutTrack(uint8_t *Track, uint8_t Number, uint64_t Sector, bool InMsf)
{
    Track[1] = DATA_TRACK;
    Track[2] = Number;
    if (InMsf)
        PutMsf(Track + 5, Sector);
    else
        vdisk_store_be32(Track + 4, (uint32_t)vdisk_min_u64(Sector, UINT32_MAX));
}

/* The length, which does not count itself; the first and the last track or session are 1. */
static size_t PutTocHead(uint8_t *Toc, size_t Length)
{
    vdisk_store_be16(Toc, (uint16_t)(Length - sizeof(uint16_t)));
    Toc[2] = 1;
    Toc[3] = 1;
    return Length;
}

static size_t PutToc(const VD_VOLUME *Volume, uint8_t FirstTrack, bool InMsf, uint8_t *Toc)
{
    size_t Length = TOC_HEAD_BYTES;

    if (FirstTrack <= 1) {
        PutTrack(Toc + Length, 1, 0, InMsf);
        Length += TRACK_BYTES;
    }
    PutTrack(Toc + Length, LEAD_OUT, LeadOut(Volume), InMsf);
    return PutTocHead(Toc, Length + TRACK_BYTES);
}

static size_t PutSession(bool InMsf, uint8_t *Toc)
{
    PutTrack(Toc + TOC_HEAD_BYTES, 1, 0, InMsf);
    return PutTocHead(Toc, VD_SESSION_BYTES);
}

static uint8_t *PutFullTrack(uint8_t *Track, uint8_t Point)
{
    Track[0] = 1; /* the session */
    Track[1] = DATA_TRACK;
    Track[3] = Point;
    return Track + 8; /* PMIN, PSEC, PFRAME */
}

/* As the lead-in has it: the first and the last track, the lead-out, and the track. */
static size_t PutFullToc(const VD_VOLUME *Volume, uint8_t *Toc)
{
    uint8_t *Track = Toc + TOC_HEAD_BYTES;

    PutFullTrack(Track, 0xa0)[0] = 1;
    PutFullTrack(Track + FULL_TRACK_BYTES, 0xa1)[0] = 1;
    PutMsf(PutFullTrack(Track + 2 * FULL_TRACK_BYTES, 0xa2), LeadOut(Volume));
    PutMsf(PutFullTrack(Track + 3 * FULL_TRACK_BYTES, 1), 0);
    return PutTocHead(Toc, FULL_TOC_BYTES);
}

int32_t VdCdAnswerToc(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    *Information = PutToc(Question->Volume, 0, true, Output);
    return VD_STATUS_SUCCESS;
}

int32_t VdCdAnswerSession(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Question;
    *Information = PutSession(false, Output);
    return VD_STATUS_SUCCESS;
}

int32_t VdCdAnswerTocEx(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    const uint8_t *Query = Question->Input;
    const uint8_t Format = Query[0] & 0x0fu;
    const uint8_t First = Query[1]; /* track or session */
    const bool InMsf = (Query[0] & 0x80u) != 0;
    uint8_t Toc[FULL_TOC_BYTES] = {0};
    size_t Length;

    if ((Query[0] & 0x70u) != 0 || Query[2] != 0 || Query[3] != 0 || Format > TOC_FORMAT_LAST ||
        (Format == TOC_FORMAT_SESSION && First != 0))
        return VD_STATUS_INVALID_PARAMETER;
    if (Format == TOC_FORMAT_TOC && (First <= 1 || First == LEAD_OUT))
        Length = PutToc(Question->Volume, First, InMsf, Toc);
    else if (Format == TOC_FORMAT_SESSION)
        Length = PutSession(InMsf, Toc);
    else if (Format == TOC_FORMAT_FULL && First <= 1)
        Length = PutFullToc(Question->Volume, Toc);
    else /* as when a drive says that there is no such thing */
        return VD_STATUS_INVALID_DEVICE_REQUEST;
    return VdQuestionDeliver(Question, Toc, Length, Output, Information);
}

int32_t VdCdAnswerDiskType(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    (void)Question;
    (void)Information;
    vdisk_store_le32(Output, DISK_DATA_TRACK);
    return VD_STATUS_SUCCESS;
}

#define PROFILE_CD_ROM  0x0008u
#define PROFILE_DVD_ROM 0x0010u

#define REQUEST_CURRENT 1u /* SCSI_GET_CONFIGURATION_REQUEST_TYPE_... */
#define REQUEST_ONE     2u

#define FEATURE_PROFILES   0x0000u
#define FEATURE_CORE       0x0001u
#define FEATURE_REMOVABLE  0x0003u
#define FEATURE_RANDOM     0x0010u
#define FEATURE_CD_READ    0x001eu
#define FEATURE_DVD_READ   0x001fu
#define FEATURE_CURRENT    0x01u
#define FEATURE_PERSISTENT 0x02u
#define FEATURE_VERSION_2  0x08u
#define FEATURE_HEAD_BYTES 4u

#define REMOVABLE_TRAY_EJECTS 0x28u
#define CD_BLOCKING           1u
#define DVD_BLOCKING          16u
#define CONFIGURATION_MAX     80u

typedef struct _VD_FEATURE {
    uint16_t Code;
    uint8_t Flags; /* version and "persistent" */
    uint8_t Length;
} VD_FEATURE;

static const VD_FEATURE Features[] = {
    {FEATURE_PROFILES, FEATURE_PERSISTENT, 8},
    {FEATURE_CORE, FEATURE_VERSION_2 | FEATURE_PERSISTENT, 8},
    {FEATURE_REMOVABLE, FEATURE_PERSISTENT, 4},
    {FEATURE_RANDOM, 0, 8},
    {FEATURE_CD_READ, FEATURE_VERSION_2, 4},
    {FEATURE_DVD_READ, 0, 0},
};

static bool IsCd(const VD_VOLUME *Volume)
{
    return LeadOut(Volume) + FIRST_FRAME <= CD_FRAMES_MAX;
}

/* All features of the drive are those of the disc in it, but for the reading of the other kind. */
static bool IsCurrent(const VD_VOLUME *Volume, uint16_t Code)
{
    return Code != (IsCd(Volume) ? FEATURE_DVD_READ : FEATURE_CD_READ);
}

static bool IsWanted(const VD_VOLUME *Volume, uint16_t Code, uint32_t First, uint32_t Request)
{
    if (Request == REQUEST_ONE)
        return Code == First;
    return Code >= First && (Request != REQUEST_CURRENT || IsCurrent(Volume, Code));
}

static void PutProfile(uint8_t *Profile, uint16_t Number, bool Current)
{
    vdisk_store_be16(Profile, Number);
    Profile[2] = Current;
}

static size_t PutFeature(const VD_VOLUME *Volume, const VD_FEATURE *Feature, uint8_t *Output)
{
    uint8_t *Data = Output + FEATURE_HEAD_BYTES;

    vdisk_store_be16(Output, Feature->Code);
    Output[2] = Feature->Flags | (IsCurrent(Volume, Feature->Code) ? FEATURE_CURRENT : 0);
    Output[3] = Feature->Length;
    if (Feature->Code == FEATURE_PROFILES) {
        PutProfile(Data, PROFILE_DVD_ROM, !IsCd(Volume));
        PutProfile(Data + 4, PROFILE_CD_ROM, IsCd(Volume));
    } else if (Feature->Code == FEATURE_REMOVABLE) {
        Data[0] = REMOVABLE_TRAY_EJECTS;
    } else if (Feature->Code == FEATURE_RANDOM) {
        vdisk_store_be32(Data, SECTOR_BYTES);
        vdisk_store_be16(Data + 4, IsCd(Volume) ? CD_BLOCKING : DVD_BLOCKING);
    }
    return FEATURE_HEAD_BYTES + Feature->Length;
}

int32_t VdCdAnswerConfiguration(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    const VD_VOLUME *Volume = Question->Volume;
    const uint32_t First = vdisk_load_le32(Question->Input);
    const uint32_t Request = vdisk_load_le32(Question->Input + 4);
    uint8_t Configuration[CONFIGURATION_MAX] = {0};
    size_t Length = VD_CONFIGURATION_BYTES;

    if (First > UINT16_MAX || Request > REQUEST_ONE)
        return VD_STATUS_INVALID_PARAMETER;
    for (size_t i = 0; i < sizeof(Features) / sizeof(Features[0]); i++) {
        if (IsWanted(Volume, Features[i].Code, First, Request))
            Length += PutFeature(Volume, &Features[i], Configuration + Length);
    }
    vdisk_store_be32(Configuration, (uint32_t)(Length - sizeof(uint32_t)));
    vdisk_store_be16(Configuration + 6, IsCd(Volume) ? PROFILE_CD_ROM : PROFILE_DVD_ROM);
    return VdQuestionDeliver(Question, Configuration, Length, Output, Information);
}
