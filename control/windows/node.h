/* Our devices as Plug and Play knows them: the nodes with the driver's hardware id. */
#ifndef VIRTUALDISK_CONTROL_NODE_H
#define VIRTUALDISK_CONTROL_NODE_H

#include <windows.h>
#include <cfgmgr32.h>
#include <setupapi.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtualdisk/driver_abi.h"

/* {53f5630d-b6bf-11d0-94f2-00a0c91efb8b}: GUID_DEVINTERFACE_VOLUME. */
extern const GUID vdisk_volume_interface;
extern const GUID vdisk_control_interface;

struct vdisk_node {
    wchar_t instance[MAX_DEVICE_ID_LEN]; /* the device's instance id */
    wchar_t *nt_path;                    /* of its image; NULL: unknown */
    wchar_t *overlay_nt_path;            /* NULL: none */
};

struct vdisk_nodes {
    struct vdisk_node *items;
    size_t count;
};

/*
 * Finds every node, started or not, but for those that have returned after a restart though they
 * were to be gone (VIRTUALDISK_KEY_VOLATILE): they are no volumes any more. The second function
 * finds just these. False, with GetLastError, when that failed.
 */
bool vdisk_nodes_find(struct vdisk_nodes *nodes);
bool vdisk_nodes_find_returned(struct vdisk_nodes *nodes);
void vdisk_nodes_free(struct vdisk_nodes *nodes);

/* One node, as SetupAPI wants it. */
struct vdisk_node_handle {
    HDEVINFO set;
    SP_DEVINFO_DATA info;
};
bool vdisk_node_open(const wchar_t *instance, struct vdisk_node_handle *handle);
void vdisk_node_close(struct vdisk_node_handle *handle);

/* The path of a node's active interface of a class, or NULL. Free with vdisk_free. */
wchar_t *vdisk_node_interface(const wchar_t *instance, const GUID *interface_class);

/* What the driver and Plug and Play say about a node that is not working yet. */
struct vdisk_node_problem {
    bool failed;          /* it will not start any more */
    uint32_t status;      /* the driver's NTSTATUS; 0: the driver said nothing */
    uint32_t device_code; /* CM_PROB_...; 0: none */
    char *message;        /* the driver's words; NULL: none; vdisk_free */
    bool names_file;      /* the message begins with the path of the file that it is about */
};
void vdisk_node_get_problem(const wchar_t *instance, struct vdisk_node_problem *problem);

/*
 * The mark of a device that shall be gone when the system restarts (VIRTUALDISK_KEY_VOLATILE).
 * False, with GetLastError: it could not be made.
 */
bool vdisk_node_mark_volatile(struct vdisk_node_handle *handle);

/* Forgets what an earlier device of the same instance id said. */
void vdisk_node_clear_problem(struct vdisk_node_handle *handle);

#endif
