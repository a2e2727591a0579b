/*
 * The queues of a device. A parallel default queue takes everything and answers what needs no
 * file; transfers go on to a manual queue, from which the workers take them.
 */
#ifndef VIRTUALDISK_DRIVER_QUEUE_H
#define VIRTUALDISK_DRIVER_QUEUE_H

#include "driver/device.h"

_IRQL_requires_max_(PASSIVE_LEVEL) _Must_inspect_result_ NTSTATUS
    VdQueuesCreate(_Inout_ VD_DEVICE *Device);

/* Returns when every request in the transfer queue has been served; new ones are refused. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdQueuesDrain(_Inout_ VD_DEVICE *Device);

/* After VdQueuesDrain. */
_IRQL_requires_max_(PASSIVE_LEVEL) VOID VdQueuesRestart(_Inout_ VD_DEVICE *Device);

#endif
