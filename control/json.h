/*
 * A small writer of JSON to stdout, indented by four columns. The caller opens and closes objects
 * and arrays in the right order; the writer places commas, line ends and escapes. Members of an
 * object have a name; elements of an array have NULL instead.
 */
#ifndef VIRTUALDISK_CONTROL_JSON_H
#define VIRTUALDISK_CONTROL_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct vdisk_json {
    unsigned depth;
    bool has_elements; /* of the object or array that is open now */
};

void vdisk_json_begin_object(struct vdisk_json *json, const char *name);
void vdisk_json_end_object(struct vdisk_json *json);
void vdisk_json_begin_array(struct vdisk_json *json, const char *name);
void vdisk_json_end_array(struct vdisk_json *json);

/* `value` is UTF-8; what is not becomes U+FFFD. NULL becomes null. */
void vdisk_json_string(struct vdisk_json *json, const char *name, const char *value);
void vdisk_json_number(struct vdisk_json *json, const char *name, uint64_t value);
void vdisk_json_bool(struct vdisk_json *json, const char *name, bool value);

#endif
