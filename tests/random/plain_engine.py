"""A second simulator, of the plainest engine there is: vLLM v1 without a prefix cache, whose steps all take the same. Written from the rules and
not from the program: lists that are looked through, one step at a time.

Times are whole picoseconds. A sequence that is swapped beside the steps holds its blocks in the pool until its copy has ended; a link, and a disk,
make copies of one way one after the other.
"""
OUT, IN, TO_DISK, FROM_DISK = range(4)
STEP_PS = 10_000_000_000


def ceil(a, b):
    return -(-a // b)


class Machine:
    """What copies of blocks take, which are all that takes time of the device and its links. disk: (latency, a block's bytes) each way."""

    def __init__(self, block_ps, disk, depth):
        self.block_ps, self.disk, self.depth = block_ps, disk, depth

    def copy_ps(self, way, blocks):
        if way in (OUT, IN):
            return blocks * self.block_ps
        latency, transfer = self.disk[way - TO_DISK]
        return max(latency + blocks * transfer, ceil(blocks, self.depth) * (latency + transfer))


class Request:
    def __init__(self, arrival_ps, prompt, output):
        self.arrival_ps, self.prompt, self.output = arrival_ps, prompt, output
        self.generated = self.computed = self.blocks = self.preemptions = 0
        self.first_ps = self.end_ps = None
        self.host = self.owed = self.disk = self.writing = self.reading = 0  # blocks
        self.leaving = 0
        self.arriving = self.reads_through = False

    @property
    def length(self):
        return self.prompt + self.generated


class Copy:
    def __init__(self, request, blocks, waits=False, last=False):
        self.request, self.blocks, self.waits, self.last = request, blocks, waits, last
        self.end_ps = None


class Engine:
    """rules: block_size, blocks, seqs, budget, threshold, chunked, overflow, ahead, overlap, host and disk blocks."""

    def __init__(self, rules, machine):
        self.__dict__.update(rules)
        self.machine, self.now_ps, self.idle = machine, 0, False
        self.free, self.leaving = self.blocks - 1, 0  # the engine keeps one for itself
        self.host_free, self.host_owed, self.host_writing, self.disk_free = self.host, 0, 0, self.disk
        self.running, self.waiting, self.swapped, self.returning, self.keepers = [], [], [], [], []
        self.copies, self.link_ps = [[], [], [], []], [0] * 4

    def all(self):
        return self.running + self.waiting + self.swapped + self.returning

    # Room ------------------------------------------------------------------------------------

    def shed(self, request, blocks):
        """Those preempted longest ago give back what they keep."""
        for keeper in list(self.keepers):
            if self.free >= blocks:
                break
            if keeper is request:
                continue
            gone = min(keeper.blocks, blocks - self.free)
            keeper.blocks -= gone
            keeper.computed = keeper.blocks * self.block_size
            self.free += gone
            if keeper.blocks == 0:
                self.keepers.remove(keeper)
        return self.free >= blocks

    def host_has_room(self, blocks):
        if self.host_owed == 0 and blocks <= self.host_free:
            return True
        return self.disk > 0 and self.host > 0 and blocks <= self.host_free + self.host_writing + self.disk_free - self.host_owed

    def swap_out(self, victim):
        blocks, victim.blocks = victim.blocks, 0
        if not self.overlap:
            victim.host, self.host_free, self.free = blocks, self.host_free - blocks, self.free + blocks
            self.step_out += blocks
            return
        victim.leaving = blocks
        self.leaving += blocks
        most, left = (blocks if blocks <= self.host else max(1, self.host // 2)), blocks
        while left > 0:
            piece = min(left, most)
            waits = self.host_owed > 0 or piece > self.host_free
            victim.host += piece
            if waits:
                victim.owed += piece
                self.host_owed += piece
            else:
                self.host_free -= piece
            self.copies[OUT].append(Copy(victim, piece, waits, piece == left))
            left -= piece

    def preempt(self, victim, lacking):
        self.running.remove(victim)
        self.victims.append(victim)
        victim.preemptions += 1
        if self.overflow == "swap" and self.host_has_room(victim.blocks):
            self.swap_out(victim)
            self.swapped.insert(0, victim)
            return
        keep = 0
        if self.overflow == "partial":
            keep = min(victim.computed // self.block_size, victim.blocks - min(victim.blocks, lacking + self.ahead))
        self.free += victim.blocks - keep
        victim.blocks, victim.computed = keep, keep * self.block_size
        if keep > 0:
            self.keepers.append(victim)
        self.waiting.insert(0, victim)

    # A decision ------------------------------------------------------------------------------

    def tokens_of(self, request, computed, most):
        tokens = request.length - computed
        return min(tokens, self.threshold or tokens, most)

    def give(self, request, tokens):
        self.entries.append((request, tokens))
        self.budget_left -= tokens

    def supply(self, request, tokens):
        """True: it has its blocks; None: it waits for blocks that are being copied out; False: the pass is over."""
        more = max(0, ceil(request.computed + tokens, self.block_size) - request.blocks)
        while more > 0 and self.free - self.owed < more:
            if self.keepers and self.shed(request, self.owed + more):
                continue
            if self.overlap and self.leaving > 0 and self.free + self.leaving >= self.owed + more:
                self.owed += more
                return None
            victim = self.running[-1]
            self.preempt(victim, self.owed + more - self.free - self.leaving)
            if victim is request:
                return False
        self.free -= more
        request.blocks += more
        return True

    def run_running(self):
        i = 0
        while i < len(self.running) and self.budget_left > 0:
            request = self.running[i]
            tokens = self.tokens_of(request, request.computed, self.budget_left)
            supplied = self.supply(request, tokens)
            if supplied is False:
                break
            if supplied:
                self.give(request, tokens)
            i += 1
        for request in list(self.returning):
            if self.budget_left > 0 and not request.arriving:
                self.returning.remove(request)
                self.running.append(request)
                self.give(request, min(request.next_tokens, self.budget_left))

    def may_run_more(self):
        return self.budget_left > 0 and len(self.running) + len(self.returning) < self.seqs

    def run_swapped(self):
        while self.swapped and self.may_run_more():
            request = self.swapped[0]
            if request.leaving or request.writing or request.reading:
                return
            if request.disk and self.host_owed == 0 and self.host_free >= request.disk:
                self.host_free -= request.disk
                self.read(request)
                return
            tokens = self.tokens_of(request, request.computed, self.budget if self.overlap else self.budget_left)
            away = request.host + request.disk
            need = max(ceil(request.computed + tokens, self.block_size), away)
            if need > self.free:
                return
            self.swapped.pop(0)
            self.free -= need
            request.blocks = need
            if self.overlap:
                request.arriving, request.next_tokens = True, tokens
                self.returning.append(request)
                if request.disk:
                    request.reads_through = True
                    self.read(request)
                waits = request.reading > 0 or any(copy.waits for copy in self.copies[IN])
                self.copies[IN].append(Copy(request, away, waits))
                continue
            self.step_in += away
            self.host_free += away
            request.host = 0
            self.running.append(request)
            self.give(request, tokens)

    def read(self, request):
        request.reading = request.disk
        self.copies[FROM_DISK].append(Copy(request, request.disk))

    def run_waiting(self):
        passed_over = []
        while self.waiting and self.may_run_more():
            request = self.waiting[0]
            computed = request.blocks * self.block_size
            tokens = self.tokens_of(request, computed, self.budget_left if self.chunked else request.length)
            if tokens > self.budget_left:
                passed_over.append(self.waiting.pop(0))
                continue
            more = ceil(computed + tokens, self.block_size) - request.blocks
            if more > self.free + sum(keeper.blocks for keeper in self.keepers if keeper is not request):
                break
            self.shed(request, more)
            if request in self.keepers:
                self.keepers.remove(request)
            self.waiting.pop(0)
            self.free -= more
            request.blocks += more
            request.computed = computed
            self.running.append(request)
            self.give(request, tokens)
        for request in passed_over:
            self.waiting.insert(0, request)

    def move_to_disk(self):
        for copy in [copy for copy in self.copies[OUT] if copy.waits]:
            if copy.blocks > self.host_free:
                break
            copy.waits = False
            copy.request.owed -= copy.blocks
            self.host_free -= copy.blocks
            self.host_owed -= copy.blocks
        for request in reversed(self.swapped):
            missing = self.host_owed - self.host_free - self.host_writing
            copied = any(copy.request is request and not copy.waits for copy in self.copies[OUT])
            if missing <= 0 or self.disk_free == 0:
                break
            if request.writing or request.reading or (request.leaving and (request.owed == 0 or copied)):
                continue
            blocks = min(request.host - request.owed, self.disk_free, missing)
            if blocks > 0:
                request.writing = blocks
                self.host_writing += blocks
                self.disk_free -= blocks
                self.copies[TO_DISK].append(Copy(request, blocks))
        for copy in [copy for copy in self.copies[IN] if copy.waits]:
            if copy.request.reading:
                break
            copy.waits = False

    def decide(self):
        """Whether there is anything to do."""
        self.entries, self.victims, self.step_out, self.step_in = [], [], 0, 0
        self.budget_left, self.owed = self.budget, 0
        self.run_running()
        if not self.victims and self.owed == 0:
            self.run_swapped()
            if not self.swapped:
                self.run_waiting()
        if self.disk > 0:
            self.move_to_disk()
        self.submit()
        return bool(self.entries or self.victims)

    # Copies and time -------------------------------------------------------------------------

    def submit(self):
        for way, queue in enumerate(self.copies):
            for copy in queue:
                if copy.waits:
                    break
                if copy.end_ps is None:
                    self.link_ps[way] = max(self.link_ps[way], self.now_ps) + self.machine.copy_ps(way, copy.blocks)
                    copy.end_ps = self.link_ps[way]

    def end_copy(self, way, copy):
        request = copy.request
        if way == OUT and copy.last:
            self.free += request.leaving
            self.leaving -= request.leaving
            request.leaving = 0
        elif way == IN:
            self.host_free += request.host
            request.host, request.arriving = 0, False
        elif way == TO_DISK:
            request.writing = 0
            request.host -= copy.blocks
            request.disk += copy.blocks
            self.host_writing -= copy.blocks
            self.host_free += copy.blocks
        elif way == FROM_DISK:
            request.disk -= copy.blocks
            self.disk_free += copy.blocks
            request.host += 0 if request.reads_through else copy.blocks
            request.reading, request.reads_through = 0, False

    def end_copies(self):
        ended = 0
        for way, queue in enumerate(self.copies):
            while queue and queue[0].end_ps is not None and queue[0].end_ps <= self.now_ps:
                self.end_copy(way, queue.pop(0))
                ended += 1
        return ended > 0

    def step(self):
        self.now_ps += STEP_PS + self.machine.copy_ps(OUT, self.step_out) + self.machine.copy_ps(IN, self.step_in)
        for request, tokens in self.entries:
            request.computed += tokens
            if request.computed == request.length:
                request.generated += 1
                request.first_ps = request.first_ps or self.now_ps
                if request.generated == request.output:
                    request.end_ps = self.now_ps
                    self.running.remove(request)
                    self.free += request.blocks
        self.end_copies()

    def go_on(self):
        if self.decide():
            self.step()
        else:
            self.idle = not self.end_copies()

    def next_ps(self, arrival_ps):
        """When it decides next; None: nothing is to come."""
        if not self.idle:
            return self.now_ps
        times = [queue[0].end_ps for queue in self.copies if queue and queue[0].end_ps is not None]
        times += [arrival_ps] if arrival_ps is not None else []
        return max(self.now_ps, min(times)) if times else None


# Several engines --------------------------------------------------------------------------------

def load_of(engine, router):
    if router == "least-kv":
        return engine.blocks - 1 - engine.free
    if router == "least-tokens":
        return sum(one.length for one in engine.all()), len(engine.all())
    if router == "session":  # nobody's turn
        return len(engine.all())
    return len(engine.running) + 4 * (len(engine.all()) - len(engine.running))


def choose(engines, router, arrived):
    if router == "round-robin":
        return engines[arrived % len(engines)]
    return min(engines, key=lambda engine: load_of(engine, router))


def simulate(rules, machine, requests, engines=1, router="round-robin"):
    """Fills in the times of the requests, which are in order of arrival."""
    all_engines, arrived = [Engine(rules, machine) for _ in range(engines)], 0
    while True:
        arrival_ps = requests[arrived].arrival_ps if arrived < len(requests) else None
        times = [engine.next_ps(arrival_ps) for engine in all_engines]
        if all(time is None for time in times):
            return
        first_ps = min(time for time in times if time is not None)
        for engine, time in zip(all_engines, times):
            if time == first_ps:
                engine.idle, engine.now_ps = False, first_ps
        engine = all_engines[times.index(first_ps)]
        while arrived < len(requests) and requests[arrived].arrival_ps <= first_ps:
            choose(all_engines, router, arrived).waiting.append(requests[arrived])
            arrived += 1
        engine.end_copies()
        engine.go_on()
