/* Products of a warpgroup: wgmma.mma_async of the PTX manual, with 16-bit elements and float sums.
 *
 * A lane that issues one leaves its registers and goes on. The sums in its registers are NaN from
 * then until a wait has made the product complete; products are performed when their last lane has
 * issued them or when they are waited for, by chance, so that they see operands that are not there
 * yet and operands that are overwritten too early. Use that the manual calls undefined fails.
 */
#include "kernels/device_sm90.h"

#include "tests/emulator/emulator.h"
#include "tests/emulator/operand.h"

#include <deque>
#include <vector>

namespace emulator
{

namespace
{

enum {
  ROWS = 64,
  DEPTH = 16,
  MAX_COLUMNS = 256,
  UNIT = 8, /* elements that lie together */
  MAX_WARPGROUPS = 1024 / WARPGROUP_LANES,
  MAX_ACCUMULATORS = 4,
};

/* Sums in flight: of each lane, the registers that they came from and go to. */
struct Accumulators {
  float *places[WARPGROUP_LANES];
  unsigned columns; /* 0: none */
  uint64_t last;    /* the youngest product that adds to them */
  float sums[ROWS][MAX_COLUMNS];
};

struct Issue {
  Product product;
  Accumulators *to;
  unsigned num_lanes; /* that have come */
  bool is_performed;
  const uint32_t *a_places[WARPGROUP_LANES];
  uint32_t a[WARPGROUP_LANES][4];
};

struct Lane {
  uint64_t num_issued;
  std::vector<uint64_t> group_ends; /* of the groups that run, oldest first */
  bool is_fenced;                   /* since the last wait */
};

struct Warpgroup {
  bool is_used;  /* by this thread block */
  bool is_eager; /* performs products when all lanes have issued them */
  Lane lanes[WARPGROUP_LANES];
  std::deque<Issue> issues; /* that run, oldest first */
  uint64_t num_complete;    /* issues before these */
  Accumulators accumulators[MAX_ACCUMULATORS];
} warpgroups[MAX_WARPGROUPS];

Warpgroup &
my_warpgroup(void)
{
  return warpgroups[place().thread.x / WARPGROUP_LANES];
}

unsigned
my_lane(void)
{
  return place().thread.x % WARPGROUP_LANES;
}

bool
toss(void)
{
  static uint32_t random = 1;

  random = random * 1664525 + 1013904223;
  return (random >> 16 & 1) != 0;
}

/* "Register Fragments", the figure for the accumulator D of m64nNk16: which row and column register
 * i of a lane is. */
unsigned
sum_row(unsigned lane, unsigned i)
{
  return lane / WARP_LANES * 16 + lane % WARP_LANES / 4 + i / 2 % 2 * 8;
}

unsigned
sum_column(unsigned lane, unsigned i)
{
  return i / 4 * 8 + lane % 4 * 2 + i % 2;
}

float
to_float(Dtype dtype, uint16_t half)
{
  static std::vector<float> tables[2];
  std::vector<float> &table = tables[dtype == DTYPE_BF16];

  if (table.empty())
    for (unsigned i = 0; i < 1 << 16; i++)
      table.push_back(half_to_float(dtype, (uint16_t)i));
  return table[half];
}

/* The figure for A of m64nNk16: a[i] is a pair along K, rows and columns as the sums' of a product
 * with 16 columns. */
void
read_fragments(const Issue &issue, float (&a)[ROWS][DEPTH])
{
  for (unsigned lane = 0; lane < WARPGROUP_LANES; lane++)
    for (unsigned i = 0; i < 8; i++)
      a[sum_row(lane, i)][sum_column(lane, i)] =
          to_float(issue.product.dtype, (uint16_t)(issue.a[lane][i / 2] >> i % 2 * 16));
}

/* `to` has the element (mn, k) at mn * mn_step + k * k_step. */
void
read_operand(Dtype dtype, uint64_t descriptor, bool is_mn_major, unsigned num_mn, float *to,
             unsigned mn_step, unsigned k_step)
{
  const Operand operand = operand_decode(descriptor);

  for (unsigned mn = 0; mn < num_mn; mn += is_mn_major ? UNIT : 1)
    for (unsigned k = 0; k < DEPTH; k += is_mn_major ? 1 : UNIT) {
      uint16_t unit[UNIT];
      load_shared(operand_address(operand, is_mn_major, mn, k), unit, sizeof unit);
      for (unsigned i = 0; i < UNIT; i++)
        to[mn * mn_step + k * k_step + i * (is_mn_major ? mn_step : k_step)] =
            to_float(dtype, unit[i]);
    }
}

/* In fixed pieces and without checks, so that the compiler makes vectors of them: the tests would
 * spend their time here. Added up in the order of k, whatever the order of the matrix unit is. */
__attribute__((no_sanitize("address", "undefined"))) void
multiply_add(float (&sums)[ROWS][MAX_COLUMNS], const float (&a)[ROWS][DEPTH],
             const float (&b)[DEPTH][MAX_COLUMNS], unsigned columns)
{
  for (unsigned row = 0; row < ROWS; row++)
    for (unsigned first = 0; first < columns; first += UNIT) {
      float some[UNIT];
      memcpy(some, &sums[row][first], sizeof some);
      for (unsigned k = 0; k < DEPTH; k++)
        for (unsigned i = 0; i < UNIT; i++)
          some[i] += a[row][k] * b[k][first + i];
      memcpy(&sums[row][first], some, sizeof some);
    }
}

void
perform(Issue *issue)
{
  const Product &product = issue->product;
  float(&sums)[ROWS][MAX_COLUMNS] = issue->to->sums;
  float a[ROWS][DEPTH], b[DEPTH][MAX_COLUMNS];

  if (issue->is_performed)
    return;
  issue->is_performed = true;
  if (product.a_in_registers)
    read_fragments(*issue, a);
  else
    read_operand(product.dtype, product.a, false, ROWS, a[0], DEPTH, 1);
  read_operand(product.dtype, product.b, product.b_is_mn_major, product.columns, b[0], 1,
               MAX_COLUMNS);
  if (!product.accumulate)
    for (float(&row)[MAX_COLUMNS] : sums)
      std::fill_n(row, product.columns, 0.0f);
  multiply_add(sums, a, b, product.columns);
}

/* Those in flight that this lane has in these registers, or new ones. */
Accumulators *
find_accumulators(Warpgroup *group, unsigned lane, const float *sums, unsigned columns)
{
  Accumulators *free = nullptr;

  for (Accumulators &accumulators : group->accumulators) {
    if (accumulators.columns == 0)
      free = &accumulators;
    else if (accumulators.places[lane] == sums) {
      if (accumulators.columns != columns)
        fail("products of %u and of %u columns run in the same registers", accumulators.columns,
             columns);
      return &accumulators;
    }
  }
  if (free == nullptr)
    fail("products in more than %d sets of registers run", MAX_ACCUMULATORS);
  free->columns = columns;
  std::fill_n(free->places, (unsigned)WARPGROUP_LANES, nullptr);
  return free;
}

void
take_sums(Accumulators *accumulators, unsigned lane, float *sums)
{
  if (accumulators->places[lane] == sums)
    return;
  if (accumulators->places[lane] != nullptr)
    fail("lanes of a warpgroup add up in other registers than the lanes before them");
  accumulators->places[lane] = sums;
  for (unsigned i = 0; i < accumulators->columns / 2; i++) {
    accumulators->sums[sum_row(lane, i)][sum_column(lane, i)] = sums[i];
    sums[i] = bits<float>(0xffffffff);
  }
}

void
give_sums(Accumulators *accumulators)
{
  for (unsigned lane = 0; lane < WARPGROUP_LANES; lane++)
    for (unsigned i = 0; i < accumulators->columns / 2; i++) {
      float *sum = &accumulators->places[lane][i];
      if (bits<unsigned>(*sum) != 0xffffffff)
        fail("lane %u wrote sum %u of a product that runs", lane, i);
      *sum = accumulators->sums[sum_row(lane, i)][sum_column(lane, i)];
    }
  accumulators->columns = 0;
}

struct Wait {
  uint64_t end;
};

void
perform_wait(void *const *lanes)
{
  Warpgroup &group = my_warpgroup();
  const uint64_t end = ((const Wait *)lanes[0])->end;

  for (unsigned lane = 0; lane < WARPGROUP_LANES; lane++) {
    if (((const Wait *)lanes[lane])->end != end)
      fail("lanes of a warpgroup wait for different products");
    group.lanes[lane].is_fenced = false;
  }
  for (; group.num_complete < end; group.num_complete++) {
    Issue *issue = &group.issues.front();
    perform(issue);
    for (unsigned lane = 0; lane < WARPGROUP_LANES; lane++)
      if (issue->product.a_in_registers &&
          memcmp(issue->a[lane], issue->a_places[lane], sizeof issue->a[lane]) != 0)
        fail("lane %u wrote the first operand of a product that ran", lane);
    group.issues.pop_front();
  }
  for (Accumulators &accumulators : group.accumulators)
    if (accumulators.columns > 0 && accumulators.last < end)
      give_sums(&accumulators);
  group.is_eager = toss();
}

} // namespace

void
product_issue(const Product &product, float *sums, const uint32_t *a)
{
  Warpgroup &group = my_warpgroup();
  const unsigned lane = my_lane();
  Lane &mine = group.lanes[lane];
  const size_t index = mine.num_issued++ - group.num_complete;

  check_fenced();
  if (!mine.is_fenced)
    fail("a product without a fence before it, since the last wait");
  if (index == group.issues.size()) {
    group.issues.push_back({});
    group.issues.back().product = product;
    group.issues.back().to = find_accumulators(&group, lane, sums, product.columns);
  } else if (!(group.issues[index].product == product)) {
    fail("lanes of a warpgroup issue different products");
  }

  Issue &issue = group.issues[index];
  take_sums(issue.to, lane, sums);
  issue.to->last = group.num_complete + index;
  if (product.a_in_registers) {
    issue.a_places[lane] = a;
    memcpy(issue.a[lane], a, sizeof issue.a[lane]);
  }
  if (++issue.num_lanes == WARPGROUP_LANES && group.is_eager)
    for (size_t i = 0; i <= index; i++)
      perform(&group.issues[i]);
}

void
product_fence(void)
{
  my_warpgroup().is_used = true;
  my_warpgroup().lanes[my_lane()].is_fenced = true;
}

void
product_commit(void)
{
  Lane &mine = my_warpgroup().lanes[my_lane()];

  mine.group_ends.push_back(mine.num_issued);
}

void
product_wait(unsigned pending_groups)
{
  Lane &mine = my_warpgroup().lanes[my_lane()];
  Wait wait = {0};

  while (mine.group_ends.size() > pending_groups) {
    wait.end = mine.group_ends.front();
    mine.group_ends.erase(mine.group_ends.begin());
  }
  meet_warpgroup(&wait, perform_wait);
}

void
check_products(void)
{
  for (Warpgroup &group : warpgroups) {
    if (!group.is_used)
      continue;
    if (!group.issues.empty())
      fail("%zu products that nobody waited for", group.issues.size());
    group.is_used = false;
    group.num_complete = 0;
    for (Lane &lane : group.lanes)
      lane = {};
  }
}

} // namespace emulator
