// QuotaScripts.swift - what runs inside Redis: a group's quota, and who is there.
//
// All keys of a fleet have one tag, so that Redis Cluster runs a script over two of them. A script
// reads the server's own clock: no clock of a host counts. All times and spans are µs.
// docs/adr/032-one-quota-for-many-hosts.md proves the bound. The tests read the scripts from here.

enum QuotaScripts {
    /// What both scripts know of hosts: notes that one is there, is back but still uses its own
    /// part, or leaves; and counts those who are there, those who may come back, and those who are
    /// there or back. Who was not heard of for a while is missed, after a longer while forgotten.
    ///
    /// The key's hash is host to when it was last heard, below zero while it uses its own part.
    static let hear = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local function hear(key, name, missed, forgotten, state)
            if state == 'leaves' then
                redis.call('HDEL', key, name)
            else
                local heard = state == 'back' and -now or now
                redis.call('HSET', key, name, string.format('%.0f', heard))
            end
            local there, known, back = 0, 0, 0
            local all = redis.call('HGETALL', key)
            for i = 1, #all, 2 do
                local heard = tonumber(all[i + 1])
                local age = math.abs(now - math.abs(heard))
                if age > forgotten then
                    redis.call('HDEL', key, all[i])
                else
                    known = known + 1
                    if age <= missed then
                        back = back + 1
                        if heard > 0 then there = there + 1 end
                    end
                end
            end
            redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(forgotten / 1000)))
            return there, known, back
        end

        """

    /// Lends a block of permits of one group, and passes on what Cloudflare said of its quota.
    ///
    /// KEYS[1] is a hash: `a` arrival time of GCRA, `p` parked until, `t` when it was last used,
    /// `r` the run of the server that wrote it, `l` when a parking was last lifted, `i` `o` `n`
    /// interval, tolerance and time of the server's policy, `g` `u` gap and end of a slower pace,
    /// `h:NAME` when that borrower last wanted something. KEYS[2], where there is one, is the hash
    /// of hosts: the borrower's is heard with the question.
    static let borrow = """
        local name, run = ARGV[1], ARGV[2]
        local interval, tolerance = tonumber(ARGV[3]), tonumber(ARGV[4])
        local wanted, ahead = tonumber(ARGV[5]), tonumber(ARGV[6])
        local group = {}
        local all = redis.call('HGETALL', KEYS[1])
        for i = 1, #all, 2 do group[all[i]] = all[i + 1] end
        local function known(field) return tonumber(group[field] or '0') end
        local function text(number) return string.format('%.0f', number) end
        local arrival, parked, lifted = known('a'), known('p'), known('l')
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
        if slowUntil > now and gap > interval then interval, tolerance = gap, 0 end

        -- A server that may have forgotten something, or a time without a server: no burst.
        if group['a'] == nil or group['r'] ~= run or ARGV[7] == '1' then
            arrival = math.max(arrival, now + tolerance)
        end
        arrival = math.max(arrival, now)

        -- Borrowers who want something have turns of equal length.
        local hosts, gone = 0, {}
        for field, last in pairs(group) do
            if string.sub(field, 1, 2) == 'h:' and field ~= 'h:' .. name then
                if now - tonumber(last) < 24000000 then
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
            'n', text(named), 'g', text(gap), 'u', text(slowUntil))
        local last = math.max(arrival, parked, now)
        redis.call('PEXPIRE', KEYS[1], text(3600000 + math.ceil((last - now) / 1000)))
        local answer = {granted, text(first), text(interval), text(again), text(arrival),
            text(math.max(0, parked - now)), text(lifted), text(policy), text(burst),
            text(math.max(0, named + held - now)), text(gap),
            text(math.max(0, slowUntil - now)), group['a'] == nil and 1 or 0}
        if KEYS[2] then
            answer[14], answer[15], answer[16] = hear(
                KEYS[2], ARGV[17], tonumber(ARGV[18]), tonumber(ARGV[19]), 'there')
        end
        return answer
        """

    /// Hears of a host that borrows nothing just now. KEYS[1] is the hash of hosts.
    static let meet = """
        return {hear(KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4])}
        """
}
