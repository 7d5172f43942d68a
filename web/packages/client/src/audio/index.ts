/** Sound in, for browsers. A file of its own, so that pages that only listen do not load it. */
export { type Device, type Devices, watchDevices } from "./devices.ts";
export {
  type AudioSource,
  createMicrophone,
  type Level,
  type Microphone,
  type MicrophoneOptions,
  type MicrophoneState,
} from "./microphone.ts";
export {
  type Publication,
  type PublicationState,
  type PublishOptions,
  publish,
} from "./publish.ts";
