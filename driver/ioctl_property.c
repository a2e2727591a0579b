#include "driver/ioctl_property.h"
#include "engine/base/endian.h"

/* STORAGE_PROPERTY_ID */
#define PROPERTY_DEVICE           0u
#define PROPERTY_ADAPTER          1u
#define PROPERTY_ACCESS_ALIGNMENT 6u
#define PROPERTY_SEEK_PENALTY     7u
#define PROPERTY_TRIM             8u

#define BUS_TYPE_FILE_BACKED 15u
#define ALIGNMENT_MASK       3u
#define UNLIMITED            UINT32_MAX

#define DEVICE_BYTES    40u /* sizeof(STORAGE_DEVICE_DESCRIPTOR); the product's name follows */
#define ADAPTER_BYTES   32u
#define ALIGNMENT_BYTES 28u
#define BOOLEAN_BYTES   12u /* Version, Size and one BOOLEAN, padded */

static const char ProductName[] = "VirtualDisk";
_Static_assert(DEVICE_BYTES + sizeof(ProductName) <= VD_PROPERTY_BYTES, "room for the name");

static size_t PutHead(uint8_t *Descriptor, uint32_t Version, uint32_t Size)
{
    vdisk_store_le32(Descriptor, Version);
    vdisk_store_le32(Descriptor + 4, Size);
    return Size;
}

static size_t DescribeDevice(uint8_t *Descriptor)
{
    Descriptor[11] = true;                           /* CommandQueueing */
    vdisk_store_le32(Descriptor + 16, DEVICE_BYTES); /* ProductIdOffset */
    vdisk_store_le32(Descriptor + 28, BUS_TYPE_FILE_BACKED);
    memcpy(Descriptor + DEVICE_BYTES, ProductName, sizeof(ProductName));
    return PutHead(Descriptor, DEVICE_BYTES, DEVICE_BYTES + sizeof(ProductName));
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

static size_t DescribeAlignment(const VD_VOLUME *Volume, uint8_t *Descriptor)
{
    vdisk_store_le32(Descriptor + 16, Volume->LogicalSectorBytes);
    vdisk_store_le32(Descriptor + 20, Volume->PhysicalSectorBytes);
    return PutHead(Descriptor, ALIGNMENT_BYTES, ALIGNMENT_BYTES);
}

size_t VdPropertyDescribe(const VD_VOLUME *Volume, uint32_t PropertyId,
                          uint8_t Descriptor[VD_PROPERTY_BYTES])
{
    switch (PropertyId) {
    case PROPERTY_DEVICE:
        return DescribeDevice(Descriptor);
    case PROPERTY_ADAPTER:
        return DescribeAdapter(Descriptor);
    case PROPERTY_ACCESS_ALIGNMENT:
        return DescribeAlignment(Volume, Descriptor);
    case PROPERTY_SEEK_PENALTY: /* no penalty, */
    case PROPERTY_TRIM:         /* no trim: the BOOLEAN stays zero */
        return PutHead(Descriptor, BOOLEAN_BYTES, BOOLEAN_BYTES);
    default:
        return 0;
    }
}
