/* The table of formats: a new one is added here. */
#include "engine/format/cd/cd_format.h"
#include "engine/format/format.h"
#include "engine/format/qcow2/qcow2.h"
#include "engine/format/raw.h"
#include "engine/format/vdi/vdi.h"
#include "engine/format/vhd/vhd.h"
#include "engine/format/vhdx/vhdx.h"
#include "engine/format/vmdk/vmdk_format.h"

const struct vdisk_format *const vdisk_formats[] = {
    &vdisk_format_vhd, /* first: its guests write where the others have their magic */
    &vdisk_format_vhdx,
    &vdisk_format_qcow2,
    &vdisk_format_vmdk,
    &vdisk_format_vdi,
    &vdisk_format_iso,
    &vdisk_format_bin,
    &vdisk_format_cue,
    &vdisk_format_mds,
    &vdisk_format_nrg,
    &vdisk_format_raw, /* claims nothing: what no other format claims is raw */
    NULL,
};
