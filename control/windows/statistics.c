#include "statistics.h"

#include "latency.h"
#include "output.h"
#include "selection.h"
#include "size.h"

#define BAR_CHARS 40

enum { KIND_COUNT = 4 };

static const char *const kind_names[KIND_COUNT] = {"read", "write", "flush", "trim"};
static const char *const kind_plurals[KIND_COUNT] = {"reads", "writes", "flushes", "trims"};

static struct virtualdisk_operations *kind_of(struct virtualdisk_statistics *statistics,
                                              unsigned kind)
{
    struct virtualdisk_operations *const kinds[KIND_COUNT] = {
        &statistics->read, &statistics->write, &statistics->flush, &statistics->trim};
    return kinds[kind];
}

bool vdisk_statistics_query(const struct vdisk_device *device,
                            struct virtualdisk_statistics *statistics)
{
    return vdisk_device_control(device, IOCTL_VIRTUALDISK_QUERY_STATISTICS, NULL, 0, statistics,
                                sizeof(*statistics)) &&
           statistics->version == VIRTUALDISK_ABI_VERSION;
}

static void print_kind(const char *name, const struct virtualdisk_operations *operations)
{
    char bytes[VDISK_SIZE_TEXT_BYTES];
    char p50[VDISK_LATENCY_TEXT_BYTES] = "-", p95[VDISK_LATENCY_TEXT_BYTES] = "-",
         p99[VDISK_LATENCY_TEXT_BYTES] = "-";
    if (operations->count > 0) {
        vdisk_latency_text(vdisk_latency_percentile(operations, 500), p50);
        vdisk_latency_text(vdisk_latency_percentile(operations, 950), p95);
        vdisk_latency_text(vdisk_latency_percentile(operations, 990), p99);
    }
    vdisk_output_text("%-8s %12" PRIu64 "  %12s  %8" PRIu64 "  %9s  %9s  %9s\n", name,
                      operations->count, vdisk_size_text(operations->bytes, bytes),
                      operations->error_count, p50, p95, p99);
}

/* A line for each bucket: up to which time, how many, and how many of the most as a bar. */
static void print_chart(const char *name, const struct virtualdisk_operations *operations)
{
    unsigned first, end;
    uint64_t most = 1;
    if (!vdisk_latency_span(operations, &first, &end))
        return;
    for (unsigned i = first; i < end; i++) {
        if (operations->latency[i] > most)
            most = operations->latency[i];
    }
    vdisk_output_text("\n%s that took less than\n", name);
    for (unsigned i = first; i < end; i++) {
        char limit[VDISK_LATENCY_TEXT_BYTES];
        uint64_t here = operations->latency[i];
        int length = (int)((double)here * BAR_CHARS / (double)most);
        if (length == 0 && here > 0)
            length = 1;
        vdisk_output_text("%9s %12" PRIu64 "%s%.*s\n", vdisk_latency_text(UINT64_C(1) << i, limit),
                          here, length == 0 ? "" : "  ", length,
                          "########################################");
    }
}

void vdisk_statistics_print(const struct vdisk_device *device,
                            struct virtualdisk_statistics *statistics)
{
    vdisk_output_text("Path:      %s\n", device->path);
    vdisk_output_text("Letter:    %s\n", device->letter[0] == '\0' ? "none" : device->letter);
    vdisk_output_text("In flight: %" PRIu32 "\n\n", statistics->requests_in_flight);
    vdisk_output_text("%-8s %12s  %12s  %8s  %9s  %9s  %9s\n", "", "COUNT", "BYTES", "ERRORS",
                      "50%", "95%", "99%");
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        print_kind(kind_plurals[kind], kind_of(statistics, kind));
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        print_chart(kind_plurals[kind], kind_of(statistics, kind));
}

static void print_kind_json(const char *name, const struct virtualdisk_operations *operations,
                            struct vdisk_json *json)
{
    vdisk_json_begin_object(json, name);
    vdisk_json_number(json, "count", operations->count);
    vdisk_json_number(json, "bytes", operations->bytes);
    vdisk_json_number(json, "errors", operations->error_count);
    vdisk_json_number(json, "p50", vdisk_latency_percentile(operations, 500));
    vdisk_json_number(json, "p95", vdisk_latency_percentile(operations, 950));
    vdisk_json_number(json, "p99", vdisk_latency_percentile(operations, 990));
    vdisk_json_begin_array(json, "latency");
    for (unsigned i = 0; i < VIRTUALDISK_LATENCY_BUCKETS; i++)
        vdisk_json_number(json, NULL, operations->latency[i]);
    vdisk_json_end_array(json);
    vdisk_json_end_object(json);
}

void vdisk_statistics_print_json(const struct vdisk_device *device,
                                 struct virtualdisk_statistics *statistics, struct vdisk_json *json)
{
    vdisk_json_begin_object(json, NULL);
    vdisk_json_string(json, "path", device->path);
    vdisk_json_string(json, "letter", device->letter[0] == '\0' ? NULL : device->letter);
    vdisk_json_number(json, "partition", device->state.partition_number);
    vdisk_json_number(json, "requests-in-flight", statistics->requests_in_flight);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        print_kind_json(kind_names[kind], kind_of(statistics, kind), json);
    vdisk_json_end_object(json);
}

static void subtract(uint64_t *now, uint64_t before)
{
    if (*now >= before) /* less: the device has been started again */
        *now -= before;
}

void vdisk_statistics_subtract(struct virtualdisk_statistics *now,
                               struct virtualdisk_statistics *before)
{
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        struct virtualdisk_operations *operations = kind_of(now, kind);
        const struct virtualdisk_operations *old = kind_of(before, kind);
        subtract(&operations->count, old->count);
        subtract(&operations->bytes, old->bytes);
        subtract(&operations->error_count, old->error_count);
        for (unsigned i = 0; i < VIRTUALDISK_LATENCY_BUCKETS; i++)
            subtract(&operations->latency[i], old->latency[i]);
    }
}

static const char *rate_text(uint64_t bytes, uint64_t milliseconds,
                             char text[VDISK_SIZE_TEXT_BYTES])
{
    return vdisk_size_text((uint64_t)((double)bytes * 1000 / (double)milliseconds), text);
}

void vdisk_statistics_print_header(void)
{
    vdisk_output_text("%8s %12s  %8s %12s  %8s  %6s  %6s  %9s  %9s  %9s  %s\n", "READS", "READ/S",
                      "WRITES", "WRITTEN/S", "FLUSHES", "TRIMS", "ERRORS", "IN FLIGHT", "50%",
                      "99%", "VOLUME");
}

void vdisk_statistics_print_interval(const struct vdisk_device *device,
                                     struct virtualdisk_statistics *statistics,
                                     uint64_t milliseconds)
{
    char read[VDISK_SIZE_TEXT_BYTES], written[VDISK_SIZE_TEXT_BYTES];
    char p50[VDISK_LATENCY_TEXT_BYTES] = "-", p99[VDISK_LATENCY_TEXT_BYTES] = "-";
    struct virtualdisk_operations both = statistics->read;
    uint64_t errors = 0;
    both.count += statistics->write.count;
    for (unsigned i = 0; i < VIRTUALDISK_LATENCY_BUCKETS; i++)
        both.latency[i] += statistics->write.latency[i];
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        errors += kind_of(statistics, kind)->error_count;
    if (both.count > 0) {
        vdisk_latency_text(vdisk_latency_percentile(&both, 500), p50);
        vdisk_latency_text(vdisk_latency_percentile(&both, 990), p99);
    }
    vdisk_output_text("%8" PRIu64 " %12s  %8" PRIu64 " %12s  %8" PRIu64 "  %6" PRIu64 "  %6" PRIu64
                      "  %9" PRIu32 "  %9s  %9s  %s\n",
                      statistics->read.count, rate_text(statistics->read.bytes, milliseconds, read),
                      statistics->write.count,
                      rate_text(statistics->write.bytes, milliseconds, written),
                      statistics->flush.count, statistics->trim.count, errors,
                      statistics->requests_in_flight, p50, p99, vdisk_selection_name(device));
}
