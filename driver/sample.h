/*
 * A sample of a disk: what some of its sectors hold, as checksums, kept up to date while the disk
 * is written to. By it a disk is known again after its file had vanished, when what was written
 * last may have reached the file or not.
 *
 * Taken are the places that tell disks apart: the beginning (partition tables, boot sectors with
 * their serial numbers), the end (their copies) and the volume descriptor of a CD. Plain C, for the
 * native tests too; PASSIVE_LEVEL.
 */
#ifndef VIRTUALDISK_DRIVER_SAMPLE_H
#define VIRTUALDISK_DRIVER_SAMPLE_H

#include "virtualdisk/disk.h"

#define VD_SAMPLE_PLACES  3u
#define VD_SAMPLE_SECTORS 8u /* of 512 bytes, at each place */

typedef struct _VD_SAMPLED_SECTOR {
    uint32_t Durable; /* checksum of what a flush has made durable */
    uint32_t Latest;  /* of what was written last */
    bool Written;     /* since the last flush */
    bool Known;       /* Latest is */
    bool Unsure;      /* the file may have something else than these two */
} VD_SAMPLED_SECTOR;

typedef struct _VD_SAMPLE {
    uint64_t DiskBytes; /* 0: no sample was taken. Changes while no request is under way */

    /* protected by Lock */
    struct vdisk_mutex Lock;
    uint32_t WritesUnderWay;
    uint32_t WriteCount;
    VD_SAMPLED_SECTOR Sectors[VD_SAMPLE_PLACES][VD_SAMPLE_SECTORS];
} VD_SAMPLE;

/* Before everything else; VdSampleTake may come again and again. */
void VdSampleInitialize(VD_SAMPLE *Sample);

/*
 * While no request is under way and all is flushed. What cannot be read is like everything.
 * VDISK_NO_MEMORY leaves no sample.
 */
enum vdisk_status VdSampleTake(VD_SAMPLE *Sample, struct vdisk_disk *Disk,
                               struct vdisk_error *Error);

/*
 * Around every change of the disk: between the two a flush settles nothing. Buffer: what is going
 * to be written; NULL: nobody knows. Offsets and lengths are those of the whole disk.
 */
void VdSampleBeginWrite(VD_SAMPLE *Sample, uint64_t Offset, uint64_t Length, const void *Buffer);
void VdSampleEndWrite(VD_SAMPLE *Sample, uint64_t Offset, uint64_t Length, bool Succeeded);

/* Around every flush; the end only of one that succeeded. */
uint32_t VdSampleBeginFlush(VD_SAMPLE *Sample);
void VdSampleEndFlush(VD_SAMPLE *Sample, uint32_t Mark);

/* Can the disk that `Found` was just taken from be the one of `Sample`? */
bool VdSampleMatches(VD_SAMPLE *Sample, const VD_SAMPLE *Found);

#endif
