// QuotaScripts.swift - what runs inside Redis: a group's quota, and who is there.
//
// All keys of a fleet have one tag, so that Redis Cluster runs a script over two of them. A script
// reads the server's own clock: no clock of a host counts. All times and spans are µs.
// docs/adr/032-one-quota-for-many-hosts.md proves the bound. The tests read the scripts from here.

enum QuotaScripts {
    /// What both scripts know of fields and of hosts. `hear` notes that a host is there, that it
    /// returns or is back but still uses its own part, or that it leaves; and counts those who
    /// share the quota and those who may come back. Who was not heard of for a while is missed,
    /// after a longer while forgotten; sooner where another host of its network is heard: it is not
    /// cut off, it died.
    ///
    /// Who is back waits until all are, or until ten seconds after the first one returned. This is
    /// judged here alone, for those who wait and those who borrow.
    ///
    /// The key's hash is host to when it was last heard, below zero while it uses its own part,
    /// and its network; `.since` when the hash began; `.till` until when hosts wait. Who knew
    /// another hash tells how many hosts that had: `.known` in all and `.there` of them borrowing,
    /// until they would be forgotten or missed.
    static let hear = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local function text(number) return string.format('%.0f', number) end
        -- A field as a number that somebody may mean, else 0: what was damaged or forged.
        local function number(field, most)
            local found = tonumber(field or '')
            return found and found >= 0 and found <= (most or 4503599627370496) and found or 0
        end
        local function read(key)
            local all, found = redis.pcall('HGETALL', key), {}
            if all.err then
                if string.find(all.err, 'WRONGTYPE') then redis.call('PEXPIRE', key, 0) end
                all = redis.call('HGETALL', key)
            end
            for i = 1, #all, 2 do found[all[i]] = all[i + 1] end
            return found
        end
        local function hear(key, name, missed, forgotten, network, since, were, borrowed, state)
            local hosts = read(key)
            local began = number(hosts['.since'])
            if began == 0 then began = now end
            local most, stayed = number(hosts['.known'], 100000), number(hosts['.there'], 100000)
            local wait = 10000000
            local till = number(hosts['.till'], now + wait)
            if state == 'leaves' then
                if redis.call('HDEL', key, name) == 1 then
                    most, stayed = math.max(0, most - 1), math.max(0, stayed - 1)
                end
                hosts[name] = nil
            else
                if state == 'returns' and now >= till then till = now + wait end
                hosts[name] = text(state == 'there' and now or -now) .. ' ' .. network
                redis.call('HSET', key, name, hosts[name])
                if since ~= text(began) then
                    most, stayed = math.max(most, were), math.max(stayed, borrowed)
                end
            end
            local age = math.abs(now - began)
            if age > forgotten then most = 0 end
            if age > missed then stayed = 0 end

            for _, own in ipairs({'.since', '.till', '.known', '.there'}) do hosts[own] = nil end
            local there, known, back = 0, 0, 0
            for host, said in pairs(hosts) do
                local sign, heard, from = string.match(said, '^(%-?)(%d+) ?(%w*)$')
                local age = math.abs(now - number(heard))
                local isDead = age > missed and from == network and network ~= ''
                if age > forgotten or isDead then
                    redis.call('HDEL', key, host)
                else
                    known = known + 1
                    if age <= missed then
                        back = back + 1
                        if sign == '' then there = there + 1 end
                    end
                end
            end
            there, back = math.max(there, stayed), math.max(back, stayed)
            known = math.max(known, back, most)
            local isWaiting = back < known and now < till
            if not isWaiting then there = back end
            if known > 0 then
                redis.call('HSET', key, '.since', text(began), '.till', text(till),
                    '.known', text(most), '.there', text(stayed))
            else
                redis.call('HDEL', key, '.since', '.till', '.known', '.there')
            end
            redis.call('PEXPIRE', key, text(math.ceil(forgotten / 1000)))
            return there, known, isWaiting and 1 or 0, text(began)
        end

        """

    /// Lends a block of permits of one group, and passes on what Cloudflare said of its quota.
    ///
    /// KEYS[1] is a hash: `a` arrival time of GCRA, `p` parked until, `t` when it was last used,
    /// `r` the run of the server that wrote it, `l` when a parking was last lifted, `i` `o` `n`
    /// interval, tolerance and time of the server's policy, `g` `u` gap and end of a slower pace,
    /// `j` how far the arrival time was last moved for want of a burst, `k` when,
    /// `h:NAME` when that borrower last wanted something. KEYS[2], where there is one, is the hash
    /// of hosts: the borrower's is heard with the question.
    static let borrow = """
        local name, run = ARGV[1], ARGV[2]
        local interval, tolerance = tonumber(ARGV[3]), tonumber(ARGV[4])
        local wanted, ahead = tonumber(ARGV[5]), tonumber(ARGV[6])
        local group = read(KEYS[1])
        local function known(field) return number(group[field]) end
        local arrival, parked, lifted = known('a'), known('p'), known('l')
        local isNew = arrival == 0
        local named, slowUntil = known('n'), known('u')

        -- What this borrower did not use goes back, if nobody has borrowed since.
        if tonumber(ARGV[8]) > 0 and group['a'] == ARGV[9] then
            arrival = arrival - tonumber(ARGV[8])
        end
        -- A clock that went back: nobody waits for it to come round again.
        local back = math.max(0, known('t') - now)
        arrival, parked, named = arrival - back, parked - back, named - back
        slowUntil = slowUntil - back
        -- Nobody means a time further off: one that was damaged or forged ends by itself.
        local hour = 3600000000
        arrival, parked = math.min(arrival, now + 24 * hour), math.min(parked, now + hour)
        slowUntil, named = math.min(slowUntil, now + 24 * hour), math.min(named, now)

        -- What Cloudflare said to this borrower.
        local park, lift = tonumber(ARGV[10]), ARGV[11] == '1'
        if lift then parked, slowUntil, lifted = 0, 0, math.max(now, lifted + 1) end
        if park > 0 then parked = math.max(parked, now + park) end
        local policy, burst = known('i'), known('o')
        if tonumber(ARGV[12]) > 0 then
            policy, burst, named = tonumber(ARGV[12]), tonumber(ARGV[13]), now
        end
        local gap = known('g')
        if tonumber(ARGV[15]) > 0 then
            gap, slowUntil = tonumber(ARGV[14]), now + tonumber(ARGV[15])
        end

        -- The strictest of what the borrower and Cloudflare say.
        local held = 900000000
        if policy > 0 and now - named < held then
            interval = math.max(interval, math.min(policy, math.max(held, interval)))
            -- As said, less the time in which a permit may be used late.
            tolerance = math.min(tolerance, math.max(0, burst - tonumber(ARGV[16])))
        end
        local policed = interval
        if slowUntil > now and gap > interval then interval, tolerance = gap, 0 end

        -- What the borrower spent alone before anybody could know that it did. Of those who were
        -- alone together the first to be back has moved the arrival time, as below, over a time
        -- in which nobody borrowed: that has paid for as much.
        local jump, jumped = known('j'), known('k')
        if math.abs(now - jumped) > 2000000 then jump = 0 end
        local owed = tonumber(ARGV[17]) * policed
        arrival, jump = arrival + math.max(0, owed - jump), math.max(0, jump - owed)
        -- A server that may have forgotten something, or a time without a server: no burst.
        local least, alone = now + tolerance, tonumber(ARGV[7])
        local mayLack = isNew or group['r'] ~= run
        if (mayLack or alone > 0) and arrival < least then
            local moved = least - arrival
            -- What was forgotten may tell of borrowing until this borrower was alone.
            if mayLack then moved = math.min(moved, alone) end
            arrival, jump, jumped = least, jump + moved, now
        end
        arrival = math.max(arrival, now)

        -- Borrowers who want something have turns of equal length.
        local hosts, gone = 0, {}
        for field, last in pairs(group) do
            if string.sub(field, 1, 2) == 'h:' and field ~= 'h:' .. name then
                if math.abs(now - number(last)) < 24000000 then
                    hosts = hosts + 1
                else
                    gone[#gone + 1] = field
                end
            end
        end
        for _, field in ipairs(gone) do redis.call('HDEL', KEYS[1], field) end
        if wanted > 0 then
            hosts = hosts + 1
            redis.call('HSET', KEYS[1], 'h:' .. name, text(now))
        end

        local granted, first, again = 0, 0, 0
        if wanted > 0 and parked > now then
            again = parked - now
        elseif wanted > 0 then
            first = arrival - tolerance - now
            local turn = math.max(1, math.ceil(ahead / (hosts * interval)))
            local furthest = 2 * math.max(ahead, hosts * interval)
            while granted < math.min(wanted, turn)
                and arrival - tolerance <= now + furthest do
                granted, arrival = granted + 1, arrival + interval
            end
            if granted == 0 then again = math.max(1000, first - furthest) end
        end

        redis.call('HSET', KEYS[1], 'a', text(arrival), 'p', text(parked), 't', text(now),
            'r', run, 'l', text(lifted), 'i', text(policy), 'o', text(burst),
            'n', text(named), 'g', text(gap), 'u', text(slowUntil), 'j', text(jump),
            'k', text(jumped))
        local last = math.max(arrival, parked, now)
        redis.call('PEXPIRE', KEYS[1], text(3600000 + math.ceil((last - now) / 1000)))
        local answer = {granted, text(first), text(interval), text(again), text(arrival),
            text(math.max(0, parked - now)), text(lifted), text(policy), text(burst),
            text(math.max(0, named + held - now)), text(gap),
            text(math.max(0, slowUntil - now)), isNew and 1 or 0}
        if KEYS[2] then
            answer[14], answer[15], answer[16], answer[17] = hear(
                KEYS[2], ARGV[18], tonumber(ARGV[19]), tonumber(ARGV[20]), ARGV[21], ARGV[22],
                tonumber(ARGV[23]), tonumber(ARGV[24]), 'there')
        end
        return answer
        """

    /// Hears of a host that borrows nothing just now. KEYS[1] is the hash of hosts.
    static let meet = """
        return {hear(KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5],
            tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8])}
        """
}
