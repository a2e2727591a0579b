#include "driver/ioctl_property.h"
#include "engine/base/endian.h"

/* STORAGE_PROPERTY_ID */
#define PROPERTY_DEVICE           0u
#define PROPERTY_ADAPTER          1u
#define PROPERTY_DEVICE_ID        2u
#define PROPERTY_WRITE_CACHE      4u
#define PROPERTY_ACCESS_ALIGNMENT 6u
#define PROPERTY_SEEK_PENALTY     7u
#define PROPERTY_TRIM             8u
#define PROPERTY_PROVISIONING     11u

#define EXISTS_QUERY 1u /* STORAGE_QUERY_TYPE */

#define SCSI_TYPE_DISK       0u
#define SCSI_TYPE_CD         5u
#define BUS_TYPE_FILE_BACKED 15u
#define ALIGNMENT_MASK       3u
#define UNLIMITED            UINT32_MAX

#define CACHE_WRITE_BACK     2u /* WriteCacheTypeWriteBack */
#define CACHE_ENABLED        2u
#define CACHE_NOT_CHANGEABLE 1u
#define CACHE_WRITE_THROUGH  2u /* WriteThroughSupported */

#define CODE_SET_ASCII     2u
#define ID_TYPE_VENDOR     1u /* eight characters for the vendor, then the vendor's own */
#define ID_VENDOR_BYTES    8u
#define THIN_PROVISIONED   0x01u
#define HEAD_BYTES         8u  /* STORAGE_DESCRIPTOR_HEADER */
#define DEVICE_BYTES       40u /* sizeof(STORAGE_DEVICE_DESCRIPTOR); the strings follow */
#define ADAPTER_BYTES      32u
#define ID_HEAD_BYTES      12u /* STORAGE_DEVICE_ID_DESCRIPTOR up to Identifiers */
#define ID_VERSION         16u /* its size */
#define ID_BYTES           16u /* STORAGE_IDENTIFIER up to Identifier */
#define CACHE_BYTES        28u
#define ALIGNMENT_BYTES    28u
#define BOOLEAN_BYTES      12u /* Version, Size and one BOOLEAN, padded */
#define PROVISIONING_BYTES 40u
#define DESCRIPTOR_BYTES   128u /* no descriptor is longer */

#define SERIAL_CHARS (2u * VD_IDENTITY_BYTES)

static const char VendorName[] = "VirtualDisk";
static const char DiskName[] = "Disk image";
static const char CdName[] = "CD image";
_Static_assert(DEVICE_BYTES + sizeof(VendorName) + sizeof(DiskName) + SERIAL_CHARS + 1 <=
                   DESCRIPTOR_BYTES,
               "room for the strings");

static size_t PutHead(uint8_t *Descriptor, uint32_t Version, size_t Size)
{
    vdisk_store_le32(Descriptor, Version);
    vdisk_store_le32(Descriptor + 4, (uint32_t)Size);
    return Size;
}

/* The disk's identity in hexadecimal. */
static void PutSerial(const VD_VOLUME *Volume, uint8_t Serial[SERIAL_CHARS])
{
    static const char Digits[] = "0123456789abcdef";

    for (uint32_t i = 0; i < VD_IDENTITY_BYTES; i++) {
        Serial[2 * i] = (uint8_t)Digits[Volume->DiskIdentity[i] >> 4];
        Serial[2 * i + 1] = (uint8_t)Digits[Volume->DiskIdentity[i] & 0x0fu];
    }
}

/* A string with its NUL, and where it is; returns where the next one goes. */
static size_t PutString(uint8_t *Descriptor, uint32_t Field, size_t At, const char *String,
                        size_t Size)
{
    vdisk_store_le32(Descriptor + Field, (uint32_t)At);
    memcpy(Descriptor + At, String, Size);
    return At + Size;
}

static size_t DescribeDevice(const VD_VOLUME *Volume, uint8_t *Descriptor)
{
    size_t At = DEVICE_BYTES;

    Descriptor[8] = Volume->Optical ? SCSI_TYPE_CD : SCSI_TYPE_DISK;
    Descriptor[10] = Volume->Optical; /* RemovableMedia */
    Descriptor[11] = true;            /* CommandQueueing */
    At = PutString(Descriptor, 12, At, VendorName, sizeof(VendorName));
    At = Volume->Optical ? PutString(Descriptor, 16, At, CdName, sizeof(CdName))
                         : PutString(Descriptor, 16, At, DiskName, sizeof(DiskName));
    vdisk_store_le32(Descriptor + 24, (uint32_t)At); /* SerialNumberOffset */
    PutSerial(Volume, Descriptor + At);
    vdisk_store_le32(Descriptor + 28, BUS_TYPE_FILE_BACKED);
    return PutHead(Descriptor, DEVICE_BYTES, At + SERIAL_CHARS + 1);
}

static size_t DescribeAdapter(uint8_t *Descriptor)
{
    vdisk_store_le32(Descriptor + 8, UNLIMITED);  /* MaximumTransferLength */
    vdisk_store_le32(Descriptor + 12, UNLIMITED); /* MaximumPhysicalPages */
    vdisk_store_le32(Descriptor + 16, ALIGNMENT_MASK);
    Descriptor[22] = true; /* CommandQueueing */
    Descriptor[24] = BUS_TYPE_FILE_BACKED;
    return PutHead(Descriptor, ADAPTER_BYTES, ADAPTER_BYTES);
}

static size_t DescribeDeviceId(const VD_VOLUME *Volume, uint8_t *Descriptor)
{
    static const char Vendor[ID_VENDOR_BYTES] = {'V', 'I', 'R', 'T', 'D', 'I', 'S', 'K'};
    uint8_t *Id = Descriptor + ID_HEAD_BYTES;

    vdisk_store_le32(Descriptor + 8, 1); /* NumberOfIdentifiers */
    vdisk_store_le32(Id, CODE_SET_ASCII);
    vdisk_store_le32(Id + 4, ID_TYPE_VENDOR);
    vdisk_store_le16(Id + 8, ID_VENDOR_BYTES + SERIAL_CHARS);
    memcpy(Id + ID_BYTES, Vendor, ID_VENDOR_BYTES);
    PutSerial(Volume, Id + ID_BYTES + ID_VENDOR_BYTES);
    return PutHead(Descriptor, ID_VERSION,
                   ID_HEAD_BYTES + ID_BYTES + ID_VENDOR_BYTES + SERIAL_CHARS);
}

static size_t DescribeWriteCache(uint8_t *Descriptor)
{
    vdisk_store_le32(Descriptor + 8, CACHE_WRITE_BACK);
    vdisk_store_le32(Descriptor + 12, CACHE_ENABLED);
    vdisk_store_le32(Descriptor + 16, CACHE_NOT_CHANGEABLE);
    vdisk_store_le32(Descriptor + 20, CACHE_WRITE_THROUGH);
    Descriptor[24] = true; /* FlushCacheSupported */
    return PutHead(Descriptor, CACHE_BYTES, CACHE_BYTES);
}

static size_t DescribeAlignment(const VD_VOLUME *Volume, uint8_t *Descriptor)
{
    vdisk_store_le32(Descriptor + 16, Volume->LogicalSectorBytes);
    vdisk_store_le32(Descriptor + 20, Volume->PhysicalSectorBytes);
    return PutHead(Descriptor, ALIGNMENT_BYTES, ALIGNMENT_BYTES);
}

static size_t DescribeBoolean(bool Value, uint8_t *Descriptor)
{
    Descriptor[8] = Value;
    return PutHead(Descriptor, BOOLEAN_BYTES, BOOLEAN_BYTES);
}

/* What is trimmed reads as zeros in whole units only: ThinProvisioningReadZeros stays 0. */
static size_t DescribeProvisioning(const VD_VOLUME *Volume, uint8_t *Descriptor)
{
    Descriptor[8] = THIN_PROVISIONED;
    vdisk_store_le64(Descriptor + 16, Volume->DiscardBytes); /* OptimalUnmapGranularity */
    vdisk_store_le32(Descriptor + 32, UNLIMITED);            /* MaxUnmapLbaCount */
    vdisk_store_le32(Descriptor + 36, UNLIMITED);            /* MaxUnmapBlockDescriptorCount */
    return PutHead(Descriptor, PROVISIONING_BYTES, PROVISIONING_BYTES);
}

/* Into Descriptor, which is zeroed; returns its length, or 0 for a property that there is not. */
static size_t Describe(const VD_VOLUME *Volume, uint32_t PropertyId, uint8_t *Descriptor)
{
    switch (PropertyId) {
    case PROPERTY_DEVICE:
        return DescribeDevice(Volume, Descriptor);
    case PROPERTY_ADAPTER:
        return DescribeAdapter(Descriptor);
    case PROPERTY_DEVICE_ID:
        return DescribeDeviceId(Volume, Descriptor);
    case PROPERTY_WRITE_CACHE:
        return Volume->Optical ? 0 : DescribeWriteCache(Descriptor);
    case PROPERTY_ACCESS_ALIGNMENT:
        return DescribeAlignment(Volume, Descriptor);
    case PROPERTY_SEEK_PENALTY:
        return DescribeBoolean(false, Descriptor);
    case PROPERTY_TRIM:
        return DescribeBoolean(Volume->DiscardBytes != 0, Descriptor);
    case PROPERTY_PROVISIONING:
        return Volume->DiscardBytes == 0 ? 0 : DescribeProvisioning(Volume, Descriptor);
    default:
        return 0;
    }
}

int32_t VdPropertyAnswer(const VD_QUESTION *Question, uint8_t *Output, size_t *Information)
{
    uint8_t Descriptor[DESCRIPTOR_BYTES] = {0};
    const uint32_t QueryType = vdisk_load_le32(Question->Input + 4);
    const size_t Length = Describe(Question->Volume, vdisk_load_le32(Question->Input), Descriptor);

    if (Length == 0 || QueryType > EXISTS_QUERY)
        return VD_STATUS_NOT_SUPPORTED;
    if (QueryType == EXISTS_QUERY)
        return VD_STATUS_SUCCESS;
    if (Question->OutputLength < HEAD_BYTES)
        return VD_STATUS_BUFFER_TOO_SMALL;
    /* A short buffer gets the beginning, whose Size tells how much there is. */
    return VdQuestionDeliver(Question, Descriptor, Length, Output, Information);
}
