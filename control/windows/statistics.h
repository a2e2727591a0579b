/* What a volume has done, as the driver counts it (driver_abi.h). */
#ifndef VIRTUALDISK_CONTROL_STATISTICS_H
#define VIRTUALDISK_CONTROL_STATISTICS_H

#include "device_windows.h"
#include "json.h"

/* False, with GetLastError: it could not be asked. */
bool vdisk_statistics_query(const struct vdisk_device *device,
                            struct virtualdisk_statistics *statistics);

/* What was done in between. */
void vdisk_statistics_subtract(struct virtualdisk_statistics *now,
                               struct virtualdisk_statistics *before);

/* Everything, with charts. */
void vdisk_statistics_print(const struct vdisk_device *device,
                            struct virtualdisk_statistics *statistics);
void vdisk_statistics_print_json(const struct vdisk_device *device,
                                 struct virtualdisk_statistics *statistics,
                                 struct vdisk_json *json);

/* One line for what was done in an interval; and the heading of such lines. */
void vdisk_statistics_print_header(void);
void vdisk_statistics_print_interval(const struct vdisk_device *device,
                                     struct virtualdisk_statistics *statistics,
                                     uint64_t milliseconds);

#endif
