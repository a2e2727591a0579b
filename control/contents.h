/* What a disk holds, for `info`: its partitions, or what is on it without any. */
#ifndef VIRTUALDISK_CONTROL_CONTENTS_H
#define VIRTUALDISK_CONTROL_CONTENTS_H

#include "json.h"

#include "virtualdisk/disk.h"

/*
 * As lines of text, or into the JSON object that is open. What cannot be read is told as a note: an
 * image whose parent is missing is still worth its other lines.
 */
void vdisk_contents_print(struct vdisk_disk *disk);
void vdisk_contents_print_json(struct vdisk_disk *disk, struct vdisk_json *json);

#endif
