#include "driver/growth.h"
#include "driver/medium.h"
#include "driver/state.h"
#include "host/ntkernel/ntkernel.h"
#include "virtualdisk/layer.h"
#include "virtualdisk/partition.h"

/* What all volumes of the image say of its length. */
static VOID TellDiskSize(VD_MEDIUM *Medium)
{
    for (LIST_ENTRY *Link = Medium->Devices.Flink; Link != &Medium->Devices; Link = Link->Flink)
        VdStateSetSize(CONTAINING_RECORD(Link, VD_DEVICE, MediumLink), Medium->Disk->size_bytes);
}

static enum vdisk_status GrowDisk(VD_MEDIUM *Medium, ULONGLONG SizeBytes, struct vdisk_error *Error)
{
    const enum vdisk_status Status = vdisk_image_resize(Medium->Image, SizeBytes, Error);

    if (Status == VDISK_OK)
        TellDiskSize(Medium);
    return Status;
}

/* A disk that is longer than its table says, because the second half failed, is no harm. */
static enum vdisk_status GrowPartition(VD_DEVICE *Device, ULONGLONG SizeBytes,
                                       struct vdisk_error *Error)
{
    VD_MEDIUM *Medium = Device->Medium;
    const struct vdisk_partition Partition = {.number = Device->Volume.Window.number,
                                              .offset_bytes = Device->Volume.Window.offset_bytes,
                                              .size_bytes = Device->Volume.SizeBytes};
    uint64_t DiskBytes;
    enum vdisk_status Status =
        vdisk_partition_plan(Medium->Disk, &Partition, SizeBytes, &DiskBytes, Error);

    if (Status == VDISK_OK && DiskBytes > Medium->Disk->size_bytes)
        Status = GrowDisk(Medium, DiskBytes, Error);
    if (Status == VDISK_OK)
        Status = vdisk_partition_grow(Medium->Disk, &Partition, SizeBytes, Error);
    if (Status == VDISK_OK)
        Status = vdisk_window_resize(Device->Disk, SizeBytes, Error);
    if (Status == VDISK_OK)
        VdStateSetSize(Device, Medium->Disk->size_bytes);
    return Status;
}

/* The end is elsewhere, and the partition table may be another. Without a sample all goes on. */
static VOID SampleAgain(VD_MEDIUM *Medium)
{
    VD_SAMPLE *Sample = &Medium->Identity->Sample;

    if (vdisk_disk_flush(Medium->Disk, NULL) == VDISK_OK ||
        Sample->DiskBytes != Medium->Disk->size_bytes)
        (VOID) VdSampleTake(Sample, Medium->Disk, NULL);
}

NTSTATUS VdGrowthApply(VD_DEVICE *Device, ULONGLONG SizeBytes, struct vdisk_error *Error)
{
    VD_MEDIUM *Medium = Device->Medium;
    enum vdisk_status Status = VDISK_OK;

    PAGED_CODE();
    if (Medium->Image == NULL || Medium->Memory != NULL)
        return STATUS_NOT_SUPPORTED;
    if (Device->Volume.ReadOnly)
        return STATUS_MEDIA_WRITE_PROTECTED;
    if (SizeBytes < Device->Volume.SizeBytes)
        return STATUS_INVALID_PARAMETER;
    if (Device->Disk == Medium->Disk)
        Status = GrowDisk(Medium, SizeBytes, Error);
    else if (SizeBytes > Device->Volume.SizeBytes)
        Status = GrowPartition(Device, SizeBytes, Error);
    SampleAgain(Medium);
    return Status == VDISK_OK ? STATUS_SUCCESS : vdisk_error_to_ntstatus(Error);
}
