// EngineLoop+Hunts.swift - hunts: their requests are made here, as there is room, and their
// findings go out with the answers of the round.

import CSystem

extension EngineLoop {
    func begin(_ hunt: HuntUnderWay) {
        hunts[hunt.id] = hunt
        moving.insert(hunt.id)
    }

    /// The host has taken of what it told.
    func goOn(hunt id: JobID) {
        if hunts[id] != nil { moving.insert(id) }
    }

    /// Ends a hunt and all of its requests. False when there is none of this name.
    func endHunt(_ id: JobID, _ why: Failure) -> Bool {
        guard let hunt = hunts[id] else { return false }
        hunt.end(why)
        moving.insert(id)
        for request in hunt.underWay { scheduler.cancel(request) }
        return true
    }

    /// The engine ends, and so do its hunts.
    func endHunts() {
        let why = mailbox.closed ?? Failure(.shutdown, "the engine was shut down")
        for id in hunts.keys { _ = endHunt(id, why) }
    }

    /// A request of a hunt is answered.
    func ended(_ job: Job, _ errand: HuntErrand, _ answer: Answer) {
        mailbox.errandEnded(job.id)
        errand.hunt.ended(errand, as: job.id)
        expectNothing(of: errand)
        take(answer, to: errand)
    }

    private func take(_ answer: Answer, to errand: HuntErrand) {
        let hunt = errand.hunt
        if let finding = hunt.take(answer, to: errand, searches) { tell(finding, of: hunt) }
        moving.insert(hunt.id)
    }

    /// Those that lack room look again once some was given back.
    func rouseHunts() {
        guard let tenants = searches.gaveBack() else { return }
        for id in lacking { hunts[id]?.rouse(tenants) }
        moving.formUnion(lacking)
    }

    /// Has each hunt do what it has room for. True when something was asked, or there is more to
    /// do.
    func advanceHunts() -> Bool {
        let now = tvs_boot_us()
        for hunt in hunts.values {
            guard let wake = hunt.wake, wake <= now else { continue }
            hunt.lookAgain(now: now)
            moving.insert(hunt.id)
        }
        let turn = moving
        moving = []
        var hasAsked = false
        for id in turn {
            guard let hunt = hunts[id] else { continue }
            var steps = 0
            while steps < Self.mostSteps, let step = next(of: hunt, now) {
                steps += 1
                switch step {
                case .ask(let errand):
                    ask(errand, now)
                    hasAsked = true
                case .tell(let finding): tell(finding, of: hunt)
                }
            }
            // Others have their turn first.
            if steps == Self.mostSteps || hunt.mustLookOn { moving.insert(id) }
            if hunt.lacksRoom { lacking.insert(id) } else { lacking.remove(id) }
            if hunt.isOver { finish(hunt) } else { tellProgress(of: hunt) }
        }
        return hasAsked || !moving.isEmpty
    }

    /// So many things one hunt does at a time.
    private static let mostSteps = 128

    private func next(of hunt: HuntUnderWay, _ now: Int64) -> HuntUnderWay.Step? {
        let mayGoOn = mailbox.mayGoOn(
            hunt.id, underWay: hunt.underWay.count, window: hunt.hunt.window)
        return hunt.next(now: now, searches, isFull: !mayGoOn)
    }

    private func ask(_ errand: HuntErrand, _ now: Int64) {
        let (hunt, tenant, request) = (errand.hunt, errand.place.tenant, errand.request)
        do throws(Failure) {
            let credential = try tenant.look().credential(
                of: errand.place.account, towards: settings.base.origin)
            let deadline = request.deadlineMs ?? settings.defaultDeadlineMs
            let job = Job(
                id: mailbox.nameOfErrand(), tag: hunt.tag, tenant: tenant, request: request,
                credential: credential, submittedAt: now, deadline: now + deadline * 1000,
                waiter: nil, errand: errand)
            hunt.began(errand, as: job.id)
            expectPage(of: errand)
            admit(job, now: now)
        } catch {
            take(Answer(failure: error, document: Document(raw: nil)), to: errand)
        }
    }

    private func expectPage(of errand: HuntErrand) {
        guard errand.message == nil else { return }
        errand.expects = searches.expectPage(of: errand.tenant)
    }

    private func expectNothing(of errand: HuntErrand) {
        guard errand.expects > 0 else { return }
        searches.add(expected: -errand.expects, of: errand.tenant)
        errand.expects = 0
    }

    // MARK: - Quotas that rest

    /// Whether a request that would wait for a quota that rests goes back to its hunt instead.
    func isTakenBack(_ job: Job, _ lane: LaneID, _ now: Int64) -> Bool {
        guard let errand = job.errand, job.request.isPatient else { return false }
        let until = scheduler.restsUntil(lane, now: now)
        guard until > now, !mayRest(errand, until) else { return false }
        takeBack(job, errand)
        return true
    }

    /// The quota of a hunt's request rests.
    func rests(_ id: JobID, until: Int64) {
        guard scheduler.isQueued(id), let job = jobs[Int(Scheduler.place(of: id))],
            let errand = job.errand, errand.backAt == 0, !mayRest(errand, until)
        else { return }
        scheduler.takeBack(id)
    }

    /// A page that waits for its quota takes no room: it may do so for hours.
    private func mayRest(_ errand: HuntErrand, _ until: Int64) -> Bool {
        guard errand.hunt.rests(errand, until: until) else {
            errand.backAt = until
            return false
        }
        errand.restsUntil = until
        expectNothing(of: errand)
        return true
    }

    /// A hunt's request goes out.
    func goes(_ errand: HuntErrand) {
        guard errand.isResting else { return }
        errand.hunt.goes(errand)
        expectPage(of: errand)
        // The rest ended before its time, for others, too.
        if tvs_boot_us() < errand.restsUntil { lookAgain(errand.hunt) }
    }

    func takeBack(_ job: Job, _ errand: HuntErrand) {
        mailbox.errandEnded(job.id)
        errand.hunt.ended(errand, as: job.id)
        expectNothing(of: errand)
        errand.hunt.takeBack(errand)
        moving.insert(errand.hunt.id)
    }

    /// Quotas may rest no longer.
    func huntsLookAgain() {
        for hunt in hunts.values { lookAgain(hunt) }
    }

    private func lookAgain(_ hunt: HuntUnderWay) {
        hunt.lookAgain(now: nil)
        moving.insert(hunt.id)
    }

    // MARK: - What it tells

    private func tell(_ finding: Finding, of hunt: HuntUnderWay) {
        var failure = finding.failure?.settled
        let document: Document
        do throws(Failure) {
            document = try finding.document(hunt.progress)
        } catch {
            // Nobody would see what there is no view of.
            failure = error
            hunt.lost(finding.place)
            let bare = Finding(place: finding.place, failure: error)
            document = (try? bare.document(hunt.progress)) ?? Document(raw: nil)
        }
        publish(.finding, of: hunt, finding.place.tenant.key, failure, document)
    }

    private func tellProgress(of hunt: HuntUnderWay) {
        let progress = hunt.progress
        guard hunt.hunt.wantsProgress, hunt.told != progress, mailbox.wantsProgress(hunt.id),
            let document = try? progress.document(isOver: false)
        else { return }
        hunt.told = progress
        publish(.progress, of: hunt, nil, nil, document)
    }

    private func finish(_ hunt: HuntUnderWay) {
        hunts[hunt.id] = nil
        lacking.remove(hunt.id)
        let document = try? hunt.progress.document(isOver: true)
        publish(.hunt, of: hunt, nil, hunt.ended, document ?? Document(raw: nil))
    }

    private func publish(
        _ kind: RequestResult.Kind, of hunt: HuntUnderWay, _ tenant: TenantKey?,
        _ failure: Failure?, _ document: Document
    ) {
        let result = RequestResult(
            id: hunt.id, tag: hunt.tag, kind: kind, tenant: tenant, failure: failure,
            document: document)
        mailbox.tells(hunt.id, kind)
        answered.append(result)
        queued.append(result)
    }
}
