/** Names for containers that were given none: an adjective and somebody from the history of the sea. */
import { randomInt } from 'node:crypto';

const LEFT =
  'able amber brave bright brisk calm civil clear coastal cosy crisp deft eager early even fair fleet fond free fresh gentle glad golden grand hardy hearty honest jolly keen kind lively lucid lunar mellow merry mild misty modest neat nimble noble open patient placid plain polar proud quick quiet rapid ready rosy royal sandy serene sharp silent silver smooth snug solar solid sound sparkling steady still sturdy sunny swift tidal trusty vivid warm wavy wild windy wise witty zesty'.split(
    ' ',
  );
const RIGHT =
  'amundsen anson baffin banks barents bass beaufort bering bligh bonny bougainville bruce cabot carson chichester colomb cook cousteau crozier dampier darwin davis dias drake earle elcano fitzroy flinders franklin frobisher gama gatty gilbert gorshkov halley hanno harrison henson hudson humboldt ingstad jeanne kerguelen kidd lapointe leif magellan marshall maury mccarthy mercator moitessier nansen nares nordenskiold peary polo pytheas raleigh ross sacagawea scott shackleton slocum tabarly tasman tharp tilman torres vancouver vespucci weddell worsley zheng'.split(
    ' ',
  );

/** A name that `taken` does not know; after some tries a digit is appended, as Docker does. */
export function generateName(taken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const base = `${LEFT[randomInt(LEFT.length)]}_${RIGHT[randomInt(RIGHT.length)]}`;
    const name = attempt < 6 ? base : `${base}${randomInt(10 ** Math.min(9, attempt - 5))}`;
    if (!taken(name)) return name;
  }
}
