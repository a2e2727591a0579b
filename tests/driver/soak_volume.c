#include "tests/driver/soak_volume.h"
#include "tests/image/sector_pattern.h"

#include <winioctl.h>

#include <stdio.h>
#include <stdlib.h>

#define MANAGE_ATTRIBUTES 0x002d9404u /* IOCTL_STORAGE_MANAGE_DATA_SET_ATTRIBUTES */
#define TRIM_PROPERTY     8u
#define SECTORS_AT_ONCE   (SOAK_TRANSFER_BYTES / SOAK_SECTOR_BYTES)
#define REQUEST_LIMIT     60000 /* milliseconds until a request counts as lost */
#define PARK_LIMIT        90000

/* The first one is kept. */
static void complain(struct soak_volume *self, const char *what, uint32_t first, uint32_t count,
                     DWORD error)
{
    if (self->failure[0] == 0)
        _snprintf(self->failure, sizeof self->failure - 1,
                  "%ls, partition %u, operation %llu, sectors %u+%u: %s (0x%lx)", self->name,
                  self->partition, (unsigned long long)self->operations, first, count, what, error);
    InterlockedExchange(&self->failed, 1);
}

static void set_value(struct soak_sector *sector, uint32_t stamp)
{
    for (unsigned i = 0; i < SOAK_VALUES; i++)
        sector->values[i] = stamp;
}

static bool has_value(const struct soak_sector *sector, uint32_t stamp)
{
    for (unsigned i = 0; i < SOAK_VALUES; i++) {
        if (sector->values[i] == stamp || sector->values[i] == SOAK_ANY)
            return true;
    }
    return false;
}

/* Values that are not needed repeat the first one. */
static void add_value(struct soak_sector *sector, uint32_t stamp)
{
    if (has_value(sector, stamp))
        return;
    for (unsigned i = 1; i < SOAK_VALUES; i++) {
        if (sector->values[i] == sector->values[0]) {
            sector->values[i] = stamp;
            return;
        }
    }
    set_value(sector, SOAK_ANY);
}

static void set_values(struct soak_sector *sectors, uint32_t count, uint32_t stamp)
{
    for (uint32_t i = 0; i < count; i++)
        set_value(&sectors[i], stamp);
}

static void add_values(struct soak_sector *sectors, uint32_t count, uint32_t stamp)
{
    for (uint32_t i = 0; i < count; i++)
        add_value(&sectors[i], stamp);
}

void soak_volume_compare(struct soak_volume *self, struct soak_sector *model, uint32_t first,
                         uint32_t count, const unsigned char *bytes)
{
    char what[96];

    for (uint32_t i = 0; i < count; i++) {
        struct soak_sector *sector = &model[first + i];
        const uint32_t stamp =
            sector_pattern_read(bytes + (size_t)i * SOAK_SECTOR_BYTES, first + i);

        if (stamp == PATTERN_GARBAGE || !has_value(sector, stamp)) {
            _snprintf(what, sizeof what, "not what was written last: 0x%x, 0x%x or 0x%x",
                      sector->values[0], sector->values[1], sector->values[2]);
            complain(self, what, first + i, count - i, stamp);
        }
        set_value(sector, stamp);
    }
}

/* DEVICE_MANAGE_DATA_SET_ATTRIBUTES with a range right behind it */
static BOOL start_trim(struct soak_volume *self, struct soak_request *request)
{
    const uint32_t attributes[7] = {28, 1, 0, 0, 0, 28, 16};
    const uint64_t range[2] = {(uint64_t)request->first * SOAK_SECTOR_BYTES,
                               (uint64_t)request->count * SOAK_SECTOR_BYTES};

    memcpy(request->input, attributes, sizeof attributes);
    memcpy(request->input + sizeof attributes, range, sizeof range);
    return DeviceIoControl(self->handle, MANAGE_ATTRIBUTES, request->input, sizeof request->input,
                           NULL, 0, NULL, &request->overlapped);
}

static BOOL start_write(struct soak_volume *self, struct soak_request *request)
{
    request->stamp = test_random_chance(&self->random, 10) ? 0 : ++self->next_stamp; /* zeros */
    sector_pattern_fill(request->buffer, request->first, request->count, request->stamp);
    return WriteFile(self->handle, request->buffer, request->count * SOAK_SECTOR_BYTES, NULL,
                     &request->overlapped);
}

/* A flush is over when this returns; everything else may still be under way. */
static void start_request(struct soak_volume *self, struct soak_request *request)
{
    const uint64_t offset_bytes = (uint64_t)request->first * SOAK_SECTOR_BYTES;
    BOOL started = FALSE;

    ResetEvent(request->overlapped.hEvent);
    request->overlapped.Offset = (DWORD)offset_bytes;
    request->overlapped.OffsetHigh = (DWORD)(offset_bytes >> 32);
    switch (request->kind) {
    case SOAK_READ:
        started = ReadFile(self->handle, request->buffer, request->count * SOAK_SECTOR_BYTES, NULL,
                           &request->overlapped);
        break;
    case SOAK_WRITE:
        started = start_write(self, request);
        break;
    case SOAK_TRIM:
        started = start_trim(self, request);
        break;
    default:
        started = FlushFileBuffers(self->handle);
        break;
    }
    request->error = started ? 0 : GetLastError();
}

static bool finish_request(struct soak_volume *self, struct soak_request *request)
{
    DWORD done = 0;

    if (request->kind == SOAK_FLUSH)
        return true;
    if (request->error != 0 && request->error != ERROR_IO_PENDING)
        return true;
    if (WaitForSingleObject(request->overlapped.hEvent, REQUEST_LIMIT) != WAIT_OBJECT_0) {
        complain(self, "a request does not come back", request->first, request->count,
                 request->kind);
        return false;
    }
    request->error =
        GetOverlappedResult(self->handle, &request->overlapped, &done, FALSE) ? 0 : GetLastError();
    if (request->error == 0 && request->kind != SOAK_TRIM &&
        done != request->count * SOAK_SECTOR_BYTES)
        complain(self, "done in part", request->first, request->count, done);
    return true;
}

/* What a request has done, if it has. Trims free whole units, of a size that the format knows. */
static void note_done(struct soak_volume *self, struct soak_request *request)
{
    struct soak_sector *sectors = self->now + request->first;

    self->done[request->kind]++;
    if (request->kind == SOAK_READ)
        soak_volume_compare(self, self->now, request->first, request->count, request->buffer);
    else if (request->kind == SOAK_WRITE)
        set_values(sectors, request->count, request->stamp);
    else if (request->kind == SOAK_TRIM && self->can_trim)
        add_values(sectors, request->count, 0);
    else if (request->kind == SOAK_TRIM)
        complain(self, "a trim that was not offered", request->first, request->count, 0);
}

/*
 * A request may fail because the volume is being closed: it may have been done all the same, or in
 * part. Or because it is protected: then it has not been done.
 */
static bool note_failed(struct soak_volume *self, struct soak_request *request, bool protecting)
{
    struct soak_sector *sectors = self->now + request->first;

    if (request->kind == SOAK_TRIM && request->error == ERROR_NOT_SUPPORTED && !self->can_trim)
        return true;
    self->refused++;
    if (protecting && request->error == ERROR_WRITE_PROTECT &&
        (request->kind == SOAK_TRIM || request->kind == SOAK_WRITE))
        return true;
    if (self->phase != SOAK_CLOSING)
        complain(self, "a request failed", request->first, request->count, request->error);
    if (request->kind == SOAK_WRITE)
        add_values(sectors, request->count, request->stamp);
    else if (request->kind == SOAK_TRIM)
        add_values(sectors, request->count, 0);
    return false;
}

static enum soak_kind choose_kind(struct test_random *random)
{
    const uint64_t number = test_random_below(random, 100);

    if (number < 45)
        return SOAK_READ;
    if (number < 85)
        return SOAK_WRITE;
    return number < 95 ? SOAK_TRIM : SOAK_FLUSH;
}

static bool is_apart(const struct soak_volume *self, unsigned taken, uint32_t first, uint32_t count)
{
    for (unsigned i = 0; i < taken; i++) {
        const struct soak_request *other = &self->requests[i];

        if (first < other->first + other->count && other->first < first + count)
            return false;
    }
    return true;
}

/* Mostly small, sometimes up to 1 MiB. False when it would touch what another one is at. */
static bool choose_request(struct soak_volume *self, unsigned index, uint32_t sectors)
{
    struct soak_request *request = &self->requests[index];
    const uint32_t units = sectors / self->grain;
    const uint32_t most = test_random_chance(&self->random, 10)   ? SECTORS_AT_ONCE / self->grain
                          : test_random_chance(&self->random, 50) ? 128 / self->grain
                                                                  : 8;
    const uint32_t count = 1 + (uint32_t)test_random_below(&self->random, most);
    const uint32_t first = (uint32_t)test_random_below(&self->random, units - count + 1);

    request->kind = choose_kind(&self->random);
    request->first = first * self->grain;
    request->count = count * self->grain;
    if (request->kind == SOAK_FLUSH)
        request->first = request->count = 0;
    return is_apart(self, index, request->first, request->count);
}

static void drop_handle(struct soak_volume *self)
{
    if (self->handle != INVALID_HANDLE_VALUE)
        CloseHandle(self->handle);
    self->handle = INVALID_HANDLE_VALUE;
}

static bool run_batch(struct soak_volume *self)
{
    const LONG protections = self->protections;
    const uint32_t sectors = (uint32_t)self->sectors;
    const unsigned wanted = 1 + (unsigned)test_random_below(&self->random, SOAK_REQUESTS);
    unsigned count = 0;
    bool protecting, good = true;

    while (count < wanted && choose_request(self, count, sectors))
        start_request(self, &self->requests[count++]);
    self->operations += count;
    for (unsigned i = 0; i < count; i++) {
        if (!finish_request(self, &self->requests[i]))
            return false;
    }
    protecting = protections % 2 != 0 || self->protections != protections;
    for (unsigned i = 0; i < count; i++) {
        if (self->requests[i].error == 0)
            note_done(self, &self->requests[i]);
        else
            good = note_failed(self, &self->requests[i], protecting) && good;
    }
    return good;
}

/* Whether trims are offered, and how large it is, are asked like a file system would. */
static bool take_handle(struct soak_volume *self)
{
    const struct volume volume = {
        .letter = {self->letter[0], self->letter[1], self->letter[2], self->letter[3]}};
    const uint32_t query[3] = {TRIM_PROPERTY};
    uint32_t answer[3] = {0};
    DWORD error;

    self->handle = volume_handle(&volume, GENERIC_READ | GENERIC_WRITE);
    if (self->handle == INVALID_HANDLE_VALUE) {
        if (self->phase != SOAK_CLOSING)
            complain(self, "the volume cannot be opened", 0, 0, GetLastError());
        return false;
    }
    error = control(self->handle, IOCTL_STORAGE_QUERY_PROPERTY, query, sizeof query, answer,
                    sizeof answer, NULL);
    self->can_trim = (answer[2] & 0xff) != 0;
    if (error != 0 && self->phase != SOAK_CLOSING)
        complain(self, "the volume does not tell of trims", 0, 0, error);
    return error == 0;
}

static void park(struct soak_volume *self)
{
    drop_handle(self);
    InterlockedExchange(&self->parked, 1);
    while (self->phase != SOAK_RUNNING && self->stopping == 0)
        Sleep(5);
    InterlockedExchange(&self->parked, 0);
}

static DWORD WINAPI soak(void *context)
{
    struct soak_volume *self = context;

    while (self->stopping == 0 && self->failed == 0) {
        if (self->phase == SOAK_PARKED)
            park(self);
        else if (self->handle == INVALID_HANDLE_VALUE ? !take_handle(self) : !run_batch(self))
            park(self);
    }
    drop_handle(self);
    return 0;
}

void soak_volume_prepare(struct soak_volume *self, uint64_t seed)
{
    test_random_seed(&self->random, seed);
    self->handle = INVALID_HANDLE_VALUE;
    self->next_stamp = SOAK_FIRST_STAMP;
    self->now = calloc(SOAK_SECTORS_MAX, sizeof *self->now);
    self->saved = calloc(SOAK_SECTORS_MAX, sizeof *self->saved);
    CHECK(self->now != NULL && self->saved != NULL);
    for (unsigned i = 0; i < SOAK_REQUESTS; i++) {
        self->requests[i].buffer = make_buffer(SOAK_TRANSFER_BYTES);
        self->requests[i].overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
        CHECK(self->requests[i].overlapped.hEvent != NULL);
    }
}

void soak_volume_release(struct soak_volume *self)
{
    for (unsigned i = 0; i < SOAK_REQUESTS; i++) {
        VirtualFree(self->requests[i].buffer, 0, MEM_RELEASE);
        CloseHandle(self->requests[i].overlapped.hEvent);
    }
    free(self->now);
    free(self->saved);
}

void soak_volume_start(struct soak_volume *self)
{
    self->thread = CreateThread(NULL, 0, soak, self, 0, NULL);
    CHECK(self->thread != NULL);
}

void soak_volume_stop(struct soak_volume *self)
{
    if (self->thread == NULL)
        return;
    InterlockedExchange(&self->stopping, 1);
    CHECK_EQUAL(WaitForSingleObject(self->thread, PARK_LIMIT), WAIT_OBJECT_0);
    CloseHandle(self->thread);
    self->thread = NULL;
}

void soak_volume_set_phase(struct soak_volume *self, enum soak_phase phase)
{
    InterlockedExchange(&self->phase, phase);
}

void soak_volume_wait_parked(const struct soak_volume *self)
{
    for (int waited = 0; !self->parked && !self->failed && waited < PARK_LIMIT; waited += 5)
        Sleep(5);
    if (self->failed)
        test_fail(__FILE__, __LINE__, "%s", self->failure);
    CHECK(self->parked);
}

void soak_volume_check(struct soak_volume *self)
{
    const uint32_t sectors = (uint32_t)self->sectors;
    unsigned char *buffer = self->requests[0].buffer;
    GET_LENGTH_INFORMATION length = {0};

    CHECK(take_handle(self));
    CHECK_EQUAL(
        control(self->handle, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof length, NULL),
        0);
    CHECK_EQUAL(length.Length.QuadPart, (uint64_t)sectors * SOAK_SECTOR_BYTES);
    for (uint32_t first = 0; first < sectors; first += SECTORS_AT_ONCE) {
        const uint32_t count = min(SECTORS_AT_ONCE, sectors - first);

        CHECK_EQUAL(transfer(self->handle, false, (uint64_t)first * SOAK_SECTOR_BYTES, buffer,
                             count * SOAK_SECTOR_BYTES, NULL),
                    0);
        soak_volume_compare(self, self->now, first, count, buffer);
    }
    drop_handle(self);
    if (self->failed)
        test_fail(__FILE__, __LINE__, "%s", self->failure);
}

void soak_volume_save(struct soak_volume *self)
{
    memcpy(self->saved, self->now, SOAK_SECTORS_MAX * sizeof *self->now);
}

void soak_volume_restore(struct soak_volume *self)
{
    memcpy(self->now, self->saved, SOAK_SECTORS_MAX * sizeof *self->now);
}

void soak_volume_save_since(struct soak_volume *self)
{
    for (uint32_t i = 0; i < SOAK_SECTORS_MAX; i++) {
        if (memcmp(&self->saved[i], &self->now[i], sizeof self->now[i]) != 0)
            set_value(&self->saved[i], SOAK_ANY);
    }
}
