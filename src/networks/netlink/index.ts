/** rtnetlink requests as bytes: computed here, sent by islet. Nothing here touches the network. */
export { createBridge, deleteLink, type LinkRef, loopbackUp, setUp, type VethRequest, vethToNetns } from './link.ts';
export { batch } from './message.ts';
export { addAddress, addRoute, type RouteRequest } from './route.ts';
